//! datadip against hand-written routes: the same query on the same database, the same JSON in and out, the same schema.
//!
//! ```sh
//! cargo bench --bench compare -- sqlite
//! tests/servers.sh cargo bench --bench compare -- postgres
//! ```
//!
//! Servers run in processes of their own and are called one after the other in several rounds. Printed are requests a
//! second and the server's processor time a request, with ratios of the medians; on PostgreSQL also what `pgbench` makes
//! of the same query. Rounds are interleaved because machines are noisy: compare ratios, not figures of different runs.
//! datadip writes no line of log a call here, as the hand-written routes write none. Linux only: processor time is read
//! from `/proc`.

mod load;
mod postgres;
mod server;
mod sqlite;

use load::{Call, Figures};
use server::Server;

/// Rounds of each server, after one that only warms up.
const ROUNDS: usize = 5;
/// Requests of a round, over all connections.
const REQUESTS: usize = 60_000;

fn main() {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["sqlite"] => sqlite::compare(),
        ["postgres"] => postgres::compare(),
        [sqlite::HANDWRITTEN, database] => sqlite::serve(database),
        [postgres::HANDWRITTEN, url] => postgres::serve(url),
        _ => eprintln!("say which: sqlite or postgres"),
    }
}

/// The figures of one contender, one for each round.
type Rounds = Vec<Figures>;

/// Rounds of calls to both servers, interleaved with something else.
fn interleave(
    own: &Server,
    handwritten: &Server,
    call: Call,
    connections: usize,
    mut between: impl FnMut(usize),
) -> (Rounds, Rounds) {
    let answers = [own, handwritten].map(|server| load::first_answer(server, call)["result"].take());
    assert_eq!(answers[0], answers[1], "both answer the same");
    let (mut datadip, mut other) = (Rounds::new(), Rounds::new());
    for round in 0..=ROUNDS {
        for (name, server, figures) in [("datadip", own, &mut datadip), ("hand-written", handwritten, &mut other)] {
            figures.push(load::run(server, call, connections, REQUESTS));
            println!("round {round}  {name:<13} {}", figures[round]);
        }
        between(round);
    }
    (datadip.split_off(1), other.split_off(1))
}

/// Prints the medians of both and their ratio.
fn report(datadip: &Rounds, handwritten: &Rounds, connections: usize) {
    let cpu = |figures: &Rounds| median(figures.iter().map(|figures| figures.cpu_micros));
    let rate = |figures: &Rounds| median(figures.iter().map(|figures| figures.requests_a_second));
    println!();
    println!("medians of {ROUNDS} rounds, {connections} connections, {REQUESTS} requests a round (round 0 warms up)");
    for (what, figure) in
        [("µs of processor time a request", &cpu as &dyn Fn(&Rounds) -> f64), ("requests a second", &rate)]
    {
        let (own, other) = (figure(datadip), figure(handwritten));
        println!("{what:<31} datadip {own:>8.1}, hand-written {other:>8.1}, ratio {:.2}", own / other);
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
