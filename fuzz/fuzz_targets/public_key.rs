//! Public keys: a key has one encoding in DER, one in PEM, one in OpenSSH's blob, and each is read as the same key.

#![no_main]

use lacre_attest::PublicKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let der = PublicKey::from_der(bytes);
    let blob = PublicKey::from_openssh_blob(bytes);
    if let Ok(key) = &der {
        assert_eq!(key.to_der(), bytes);
    }
    if let Ok(key) = &blob {
        assert_eq!(key.to_openssh_blob(), bytes);
    }
    for read in [der, blob, PublicKey::from_text(&text)] {
        let key = match read {
            Ok(key) => key,
            Err(error) => {
                assert_eq!(error.code(), "E-KEY");
                continue;
            }
        };
        assert_eq!(PublicKey::from_der(key.to_der()), Ok(key.clone()));
        assert_eq!(PublicKey::from_text(key.to_pem()), Ok(key.clone()));
        assert_eq!(PublicKey::from_openssh_blob(&key.to_openssh_blob()), Ok(key));
    }
});
