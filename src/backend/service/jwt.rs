//! Signed tokens (RFC 7519) with RS256, by which a service is told who calls.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use pkcs8::{
    EncryptedPrivateKeyInfoRef, ObjectIdentifier, SecretDocument,
    der::{
        Encode,
        asn1::{AnyRef, BitStringRef},
    },
    spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef},
};
use ring::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

/// What [`Signer::from_pem`] takes: the words of a diagnostic.
pub const KEY: &str = "an unencrypted RSA private key of 2048 to 8192 bits as PEM";

/// `rsaEncryption` of RFC 8017.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Whether a text in PEM is a key that [`Signer::from_encrypted_pem`] reads.
pub fn is_encrypted(pem: &str) -> bool {
    pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
}

/// Signs with one private key.
#[derive(Debug)]
pub struct Signer {
    key: KeyPair,
}

impl Signer {
    /// Reads [`KEY`], in PKCS#8 (`BEGIN PRIVATE KEY`) or PKCS#1 (`BEGIN RSA PRIVATE KEY`). `None` for anything else.
    pub fn from_pem(pem: &str) -> Option<Self> {
        let key = match PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()? {
            PrivateKeyDer::Pkcs8(key) => KeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => KeyPair::from_der(key.secret_pkcs1_der()),
            _ => return None,
        };
        key.ok().map(|key| Self { key })
    }

    /// Reads a key of the same kind that is encrypted with a password, in PKCS#8 (`BEGIN ENCRYPTED PRIVATE KEY`). `None` for
    /// anything else, and for another password.
    pub fn from_encrypted_pem(pem: &str, password: &str) -> Option<Self> {
        let (_, document) = SecretDocument::from_pem(pem).ok()?;
        let key = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).ok()?.decrypt(password).ok()?;
        KeyPair::from_pkcs8(key.as_bytes()).ok().map(|key| Self { key })
    }

    /// The SHA-256 of the public key as DER (SubjectPublicKeyInfo), as base64: how a service tells keys apart.
    pub fn fingerprint(&self) -> Option<String> {
        let algorithm = AlgorithmIdentifierRef { oid: RSA, parameters: Some(AnyRef::NULL) };
        let subject_public_key = BitStringRef::from_bytes(self.key.public().as_ref()).ok()?;
        let der = SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().ok()?;
        Some(STANDARD.encode(Sha256::digest(der)))
    }

    /// A token that says this; `None` without a source of randomness.
    pub fn sign(&self, claims: &Json) -> Option<String> {
        let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
        let mut token = format!("{}.{}", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature).ok()?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    const PLAIN: &str = include_str!("../../../tests/it/salesforce/key.pem");

    #[test]
    fn encrypted_keys_are_opened_by_their_password_alone() {
        // As `openssl pkcs8 -topk8` writes them with `-v2 aes-256-cbc`, `-v2 des3`, `-v2prf hmacWithSHA1` and `-scrypt`.
        let plain = Signer::from_pem(PLAIN).expect("a key").fingerprint();
        for pem in [
            include_str!("../../../tests/it/snowflake/keys/aes.pem"),
            include_str!("../../../tests/it/snowflake/keys/des3.pem"),
            include_str!("../../../tests/it/snowflake/keys/sha1.pem"),
            include_str!("../../../tests/it/snowflake/keys/scrypt.pem"),
        ] {
            assert!(is_encrypted(pem) && Signer::from_pem(pem).is_none());
            let signer = Signer::from_encrypted_pem(pem, "sésame").expect("a key");
            assert_eq!(signer.fingerprint(), plain);
            let carriage_returns = pem.replace('\n', "\r\n");
            assert!(Signer::from_encrypted_pem(&carriage_returns, "sésame").is_some());
            assert!(Signer::from_encrypted_pem(&format!("Bag Attributes: none\n{pem}"), "sésame").is_some());
            for other in ["sesame", "", "sésame "] {
                assert!(Signer::from_encrypted_pem(pem, other).is_none(), "{other:?}");
            }
        }
        assert!(!is_encrypted(PLAIN) && Signer::from_encrypted_pem(PLAIN, "").is_none());
    }

    #[test]
    fn the_fingerprint_is_that_of_openssl() {
        // openssl rsa -in key.pem -pubout -outform DER | openssl dgst -sha256 -binary | openssl base64
        let signer = Signer::from_pem(PLAIN).expect("a key");
        assert_eq!(signer.fingerprint().as_deref(), Some("zX4Mjs7TC78WspGVGPKA1uUye8IleBEHf9aoSqoNK5k="));
    }

    #[test]
    fn a_token_is_signed_by_the_key() {
        let signer = Signer::from_pem(PLAIN).expect("a key");
        let token = signer.sign(&json!({ "sub": "a" })).expect("a token");
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, signer.key.public().as_ref());
        assert!(key.verify(signed.as_bytes(), &signature).is_ok());
        let (head, claims) = signed.split_once('.').expect("two parts");
        let decoded = |part: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("text");
        assert_eq!(
            (decoded(head).as_str(), decoded(claims).as_str()),
            (r#"{"alg":"RS256","typ":"JWT"}"#, r#"{"sub":"a"}"#)
        );
    }
}
