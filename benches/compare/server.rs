//! Servers in processes of their own.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

/// A server in a process of its own, ended when dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: String,
}

impl Server {
    /// datadip with this text of a `datadip.yaml`, written to a folder.
    pub fn datadip(folder: &Path, config: &str) -> Self {
        let file = folder.join("datadip.yaml");
        fs::write(&file, config).expect("datadip.yaml can be written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_datadip"));
        command.arg("--config").arg(file).arg("serve");
        Self::start(command)
    }

    /// This program, with these arguments.
    pub fn handwritten<S: AsRef<OsStr>>(arguments: &[S]) -> Self {
        let mut command = Command::new(env::current_exe().expect("this program's path"));
        command.args(arguments);
        Self::start(command)
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// All print their address, as `http://127.0.0.1:<port>`, when they serve.
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stderr.take().expect("its standard error")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .inspect(|line| eprintln!("{line}"))
            .find_map(|line| {
                let rest = line.split_once("http://")?.1;
                Some(rest.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).next()?.to_owned())
            })
            .expect("the server prints its address");
        // Its log must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
