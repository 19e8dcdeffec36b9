//! Certificates of every kind, made by `openssl`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use lacre_sign::{FileKey, read_private_key};
use tempfile::TempDir;

/// What a leaf must have.
pub const LEAF: &str =
    "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning";
/// What an authority must have.
pub const AUTHORITY: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign";

/// A folder of keys and certificates: `NAME.key` and `NAME.pem`.
pub struct Pki {
    folder: TempDir,
}

impl Pki {
    /// An empty folder; `None`, loudly, where `openssl` is missing; a failure where peers are required.
    pub fn new() -> Option<Self> {
        match Command::new("openssl").arg("version").output() {
            Ok(output) => {
                assert!(output.status.success());
                Some(Self { folder: TempDir::new().unwrap() })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let required = std::env::var_os("LACRE_REQUIRE_PEERS").is_some_and(|value| value == "1");
                assert!(!required, "the program openssl is required and missing");
                eprintln!("SKIPPED: the program openssl is missing; no certificate was made");
                None
            }
            Err(error) => panic!("openssl: {error}"),
        }
    }

    /// A root, an intermediate authority and a leaf `signer`, all as they should be.
    pub fn sound() -> Option<Self> {
        let pki = Self::new()?;
        pki.issue("root", "root", AUTHORITY);
        pki.issue("int", "root", AUTHORITY);
        pki.issue("signer", "int", LEAF);
        Some(pki)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `NAME.pem`.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.pem"))
    }

    /// The certificate's file as text.
    pub fn pem(&self, name: &str) -> String {
        fs::read_to_string(self.certificate(name)).unwrap()
    }

    /// The certificate in DER, as openssl converts it.
    pub fn der(&self, name: &str) -> Vec<u8> {
        self.run(&format!("x509 -in {name}.pem -outform DER -out {name}.der"));
        fs::read(self.folder.path().join(format!("{name}.der"))).unwrap()
    }

    /// `NAME.key`, read.
    pub fn key(&self, name: &str) -> FileKey {
        read_private_key(&self.folder.path().join(format!("{name}.key")), &mut || Ok(None)).unwrap().key
    }

    /// Makes a key and a certificate `CN=name` for it, issued by `issuer`, which may be itself; for a year.
    pub fn issue(&self, name: &str, issuer: &str, extensions: &str) {
        self.run(&format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}.key"));
        self.certify(name, name, issuer, extensions);
    }

    /// Certifies the key that is there.
    pub fn certify(&self, name: &str, common_name: &str, issuer: &str, extensions: &str) {
        let identifiers = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid";
        fs::write(self.folder.path().join("extensions"), format!("{extensions}\n{identifiers}\n")).unwrap();
        self.run(&format!("req -new -key {name}.key -subj /O=lacre/CN={common_name} -out {name}.csr"));
        let by = if name == issuer {
            format!("-signkey {name}.key")
        } else {
            format!("-CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial")
        };
        self.run(&format!("x509 -req -in {name}.csr {by} -days 365 -extfile extensions -out {name}.pem"));
    }

    /// Runs openssl in the folder. The words of `line` are separated by spaces.
    pub fn run(&self, line: &str) {
        let output =
            Command::new("openssl").args(line.split(' ')).current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
