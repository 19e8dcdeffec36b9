use super::*;

// Made by ssh-keygen; the fingerprints are what it shows.
const ED25519: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDCa3pBiP1YmewehfAvER5hugl/8hsuPzr360nunyk9K test ed25519\n";
const P256: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBNPBdbHu6IxyT+1B7JxgdKMmgP2Glyth64KNaOsD6KmzMd74KJGnWHn3fK6y3NE0rAqJymiMlQ+g88HJuGXvPrs= test\n";
const P384: &str = "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBEBQe63hynY2RfUhz7yZQhfcJGj5w93SisuuIIU8NvkuebxCpsXVD1YhLucE1HjYAJjA3Fv2uoTta66e/v+p5NaKqJZKmTc2lvt6w3kWb1Jbg7h8uUTjOjgLercs5829ig==\n";
const P521: &str = "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAAqZqZXV1Z21jl2IpWbNNa/cYMOnAPdjRoSkVHvPbcHKRy2I6Wx9lb/Mv3wSmshvJxuYqfh6ldeqQRm0hXlagYawQFzECDh4oN2yPTYSRxBRV+kDJzuVKHqmPJt4IP3JQOiiJeCBHz4/jRbrjYa0L7Dy8YzMXxSkB0cbk9oqahIzoQZXA==\n";

fn key(text: &str) -> AgentIdentity {
    AgentIdentity::from_file(text).unwrap()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn named(name: &[u8], parts: &[&[u8]]) -> AgentIdentity {
    let parts = parts.iter().flat_map(|part| string(part));
    AgentIdentity { key: string(name).into_iter().chain(parts).collect(), comment: b"x\x1b".to_vec() }
}

#[test]
fn public_keys_have_the_algorithm_and_fingerprint_that_openssh_sees() {
    for (text, algorithm, fingerprint) in [
        (ED25519, KeyAlgorithm::Ed25519, "grsbSJqhCTQ2pjYA6Cljo6QScF0LfY157+Fvz/X57+I"),
        (P256, KeyAlgorithm::EcdsaP256, "KuUJnOtmLimGxw32rpGhc8Cf7KmnG5pLuAxEkco0hno"),
        (P384, KeyAlgorithm::EcdsaP384, "cOwvX+Xt/EotOPg0OIAegwyUi928eXmCUl9/HgPXUgY"),
        (P521, KeyAlgorithm::EcdsaP521, "GibM/MDrNjtWNBBJqw+oOCcKe3xcAOSlzwXJfP3ytro"),
    ] {
        assert_eq!(key(text).public_key().unwrap().algorithm(), algorithm);
        assert_eq!(key(text).fingerprint(), fingerprint);
    }
    assert_eq!(key(ED25519).comment(), b"test ed25519");
}

#[test]
fn files_that_are_no_public_key_are_refused() {
    let line = ED25519.trim_end();
    for wrong in
        ["", "ssh-ed25519", "ssh-ed25519 !!!", &line.replace("ssh-ed", "ssh-rs"), &format!("{line}\n{line}")]
    {
        assert_eq!(AgentIdentity::from_file(wrong), None, "{wrong}");
    }
    assert_eq!(AgentIdentity::from_file(&format!("\n {line}\r\n\n")), Some(key(ED25519)));
}

#[test]
fn other_kinds_are_refused_by_name() {
    for (name, told) in [
        (&b"ssh-rsa"[..], "RSA"),
        (b"sk-ssh-ed25519@openssh.com", "security key"),
        (b"sk-ecdsa-sha2-nistp256@openssh.com", "security key"),
        (b"ssh-ed25519-cert-v01@openssh.com", "certificate"),
        (b"ssh-dss\x1b", "ssh-dss"),
    ] {
        let problem = named(name, &[&[1; 32]]).public_key().unwrap_err();
        assert_eq!(problem.code(), "E-UNSUPPORTED");
        assert!(problem.to_string().contains(told) && !problem.to_string().contains('\x1b'), "{problem}");
    }
}

#[test]
fn keys_that_are_malformed_are_refused() {
    let point = [&[4][..], &[1; 64]].concat();
    for (wrong, code) in [
        (named(b"ecdsa-sha2-nistp256", &[b"nistp384", &point]), "E-SIGNER"),
        (named(b"ecdsa-sha2-nistp256", &[b"nistp256"]), "E-SIGNER"),
        (named(b"ecdsa-sha2-nistp256", &[b"nistp256", &point]), "E-KEY"),
        (named(b"ssh-ed25519", &[&[1; 32], b"more"]), "E-SIGNER"),
        (named(b"ssh-ed25519", &[&[0; 32]]), "E-KEY"),
        (named(b"ssh-ed25519", &[&[1; 31]]), "E-KEY"),
        (AgentIdentity { key: Vec::new(), comment: Vec::new() }, "E-SIGNER"),
    ] {
        assert_eq!(wrong.public_key().unwrap_err().code(), code, "{wrong:?}");
        assert!(!wrong.to_string().contains('\x1b'), "{wrong}");
    }
}

#[test]
fn a_list_of_keys_is_read_whole_or_not_at_all() {
    let (one, two) = (key(ED25519), key(P256));
    let list = |count: u32, ids: &[&AgentIdentity]| {
        let ids = ids.iter().flat_map(|id| [string(&id.key), string(&id.comment)].concat());
        [12].into_iter().chain(count.to_be_bytes()).chain(ids).collect::<Vec<u8>>()
    };
    let good = list(2, &[&one, &two]);
    assert_eq!(AgentIdentity::list(&good).unwrap(), [one.clone(), two]);
    for cut in 0..good.len() {
        assert_eq!(AgentIdentity::list(&good[..cut]).unwrap_err().code(), "E-SIGNER", "{cut}");
    }
    for wrong in [list(0, &[&one]), list(2, &[&one]), list(u32::MAX, &[&one]), list(1025, &[])] {
        assert_eq!(AgentIdentity::list(&wrong).unwrap_err().code(), "E-SIGNER");
    }
    assert_eq!(AgentIdentity::list(&[5]).unwrap_err().code(), "E-SIGNER");
}

#[test]
fn signatures_are_taken_only_of_the_keys_own_kind() {
    let id = key(P256);
    let numbers = [string(&[7]), string(&[0, 0x80])].concat();
    let good = [string(b"ecdsa-sha2-nistp256"), string(&numbers)].concat();
    assert_eq!(id.signature(&good).unwrap(), [0x30, 7, 2, 1, 7, 2, 2, 0, 0x80]);
    for wrong in [
        [string(b"ecdsa-sha2-nistp384"), string(&numbers)].concat(),
        [string(b"ecdsa-sha2-nistp256"), string(&numbers[..7])].concat(),
        [string(b"ecdsa-sha2-nistp256"), string(&[&numbers[..], b"x"].concat())].concat(),
        [&good[..], b"x"].concat(),
        string(b"ecdsa-sha2-nistp256"),
        Vec::new(),
    ] {
        assert_eq!(id.signature(&wrong).unwrap_err().code(), "E-SIGNER", "{wrong:?}");
    }
    let short = [string(b"ssh-ed25519"), string(&[1; 63])].concat();
    assert_eq!(key(ED25519).signature(&short).unwrap_err().code(), "E-SIGNER");
}
