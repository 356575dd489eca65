//! Who is trusted to be the server.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use super::transport::StartError;

/// Makes a TLS configuration that trusts the platform's roots and the given ones.
///
/// The ring provider is named here instead of installed for the process: that choice is the
/// application's. There is no way to accept any certificate.
pub(super) fn trusting(extra_ca_pem: &[Vec<u8>]) -> Result<ClientConfig, StartError> {
    let mut extra = Vec::new();
    for pem in extra_ca_pem {
        let before = extra.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            extra.push(certificate.map_err(|_| StartError::InvalidCertificate)?);
        }
        if extra.len() == before {
            return Err(StartError::InvalidCertificate);
        }
    }
    let mut parsed = RootCertStore::empty();
    for certificate in &extra {
        parsed
            .add(certificate.clone())
            .map_err(|_| StartError::InvalidCertificate)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(extra, provider.clone())
        .map_err(|error| StartError::TrustStore(error.to_string()))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::TrustStore(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

/// Makes a TLS configuration that trusts nobody, for endpoints without TLS: reading the platform's
/// roots takes many milliseconds that a loopback address need not wait for.
pub(super) fn trusting_nobody() -> Result<ClientConfig, StartError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::TrustStore(error.to_string()))?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok(config)
}
