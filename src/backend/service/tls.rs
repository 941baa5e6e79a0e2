//! Whom a service's certificate must come from: the authorities that this system trusts, and those that `tls_ca` adds.

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

/// The certificates of a text in PEM. `None` where it has none, or one that cannot be read.
pub fn certificates(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let mut roots = RootCertStore::empty();
    certificates.ok().filter(|found| !found.is_empty() && found.iter().all(|one| roots.add(one.clone()).is_ok()))
}

/// How to speak TLS. Reads the system's certificates.
///
/// # Errors
///
/// When this build of TLS cannot speak at all.
pub fn config(authorities: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(authorities.iter().cloned());
    let config = ClientConfig::builder_with_provider(ring::default_provider().into());
    Ok(config.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
}
