//! `pkcs11:…`, with `SoftHSM`.

use std::fs;
use std::path::PathBuf;

use lacre_testkit::places::{self, Peer};

use super::{UNSIGNED, tool};
use crate::bench::{Bench, Said};

/// The module by its name: it is looked for where modules lie.
const MODULE: &str = "module-name=softhsm2";

/// A folder of tokens of its own, with one token `test`, whose PIN is 97531.
struct Token {
    bench: Bench,
}

impl Token {
    /// Nothing where `SoftHSM` is not installed.
    fn new() -> Option<Self> {
        places::program("softhsm2-util")?;
        places::program("pkcs11-tool")?;
        let bench = Bench::with_model_and_key();
        fs::create_dir(bench.path("tokens")).unwrap();
        let settings =
            format!("directories.tokendir = {}\nlog.level = ERROR\n", bench.path("tokens").display());
        bench.write("softhsm2.conf", settings.as_bytes());
        bench.write("pin", b"97531\n");
        let token = Self { bench };
        token.init("test");
        Some(token)
    }

    fn init(&self, label: &str) {
        let init =
            ["softhsm2-util", "--init-token", "--free", "--so-pin", "86420", "--pin", "97531", "--label"];
        self.tool(&[&init[..], &[label]].concat());
    }

    fn settings(&self) -> PathBuf {
        self.bench.path("softhsm2.conf")
    }

    fn tool(&self, words: &[&str]) -> Vec<u8> {
        tool(&self.bench.path(""), &[("SOFTHSM2_CONF", &self.settings())], words)
    }

    fn pkcs11_tool(&self, words: &[&str]) -> Vec<u8> {
        let library = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"];
        let library = library.into_iter().find(|path| fs::exists(path).unwrap()).expect("SoftHSM's module");
        let all = ["pkcs11-tool", "--module", library, "--token-label", "test", "--login", "--pin", "97531"];
        self.tool(&[&all[..], words].concat())
    }

    /// Makes a key pair inside of the token.
    fn key(&self, kind: &str, id: &str, label: &str) {
        self.pkcs11_tool(&["--keypairgen", "--key-type", kind, "--id", id, "--label", label]);
    }

    /// Changes the value of an attribute where `SoftHSM` keeps it: its number and its kind, eight bytes each, stand before
    /// it.
    fn edit(&self, attribute: u64, kind: u64, change: impl Fn(&mut [u8])) {
        let wanted = [attribute.to_be_bytes(), kind.to_be_bytes()].concat();
        let folder = format!("tokens/{}", self.bench.names("tokens").remove(0));
        let mut edits = 0;
        for name in self.bench.names(&folder).iter().filter(|name| name.ends_with(".object")) {
            let path = format!("{folder}/{name}");
            let mut bytes = self.bench.read(&path);
            if let Some(at) = bytes.windows(16).position(|window| window == wanted) {
                change(&mut bytes[at + 16..]);
                self.bench.write(path, &bytes);
                edits += 1;
            }
        }
        assert!(edits > 0, "no object has the attribute {attribute:x}");
    }

    fn sign(&self, uri: &str) -> Said {
        let words = ["sign", "MODEL", "--name", "m", "--force", "--key", uri];
        Said::of(self.bench.command().args(words).env("SOFTHSM2_CONF", self.settings()))
    }

    fn signs(&self, uri: &str) -> Said {
        let said = self.sign(uri);
        assert_eq!(said.exit, Some(0), "{uri}: {said:?}");
        said
    }

    fn refuses(&self, uri: &str, code: &str, exit: i32) -> String {
        let said = self.sign(uri);
        said.refuses(code, exit);
        assert_eq!(self.bench.names("MODEL"), UNSIGNED);
        said.stderr
    }
}

#[test]
fn every_curve_signs_and_others_verify() {
    let Some(token) = Token::new() else { return };
    let model_signing = Peer::ModelSigning.find();
    for (number, curve) in ["P-256", "P-384", "P-521"].into_iter().enumerate() {
        let id = format!("0{}", number + 1);
        let curve = format!("ec_paramgen_curve:{curve}");
        token.tool(&["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", &curve, "-out", "key.pem"]);
        token.tool(&["openssl", "pkey", "-in", "key.pem", "-pubout", "-out", "pub.pem"]);
        let import =
            ["softhsm2-util", "--import", "key.pem", "--token", "test", "--pin", "97531", "--label", "k"];
        token.tool(&[&import[..], &["--id", &id]].concat());
        token.signs(&format!("pkcs11:token=test;id=%{id};type=private?{MODULE}&pin-source=pin"));
        token.bench.good("verify MODEL --key pub.pem --expect-name m");
        if let Some(program) = &model_signing {
            let verify =
                [program.to_str().unwrap(), "verify", "key", "MODEL", "--signature", "MODEL/model.sig"];
            token.tool(&[&verify[..], &["--public_key", "pub.pem"]].concat());
        }
    }
}

#[test]
fn ed25519_signs() {
    let Some(token) = Token::new() else { return };
    token.key("EC:edwards25519", "09", "ed");
    let said = token.signs(&format!("pkcs11:token=test;object=ed?{MODULE}&pin-source=pin"));
    assert!(said.stdout.contains("ed25519"), "{said:?}");
    // pkcs11-tool of this age exports no such key as SubjectPublicKeyInfo; its point is the end of what it lists.
    let listed = String::from_utf8(token.pkcs11_tool(&["--list-objects", "--type", "pubkey"])).unwrap();
    let point = listed.lines().find_map(|line| line.trim().strip_prefix("EC_POINT:")).unwrap().trim();
    let hex = &point[point.len() - 64..];
    let bytes: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let der = [&b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\0"[..], &bytes].concat();
    token.bench.write("ed.der", &der);
    token.tool(&["openssl", "pkey", "-pubin", "-inform", "DER", "-in", "ed.der", "-out", "ed.pem"]);
    token.bench.good("verify MODEL --key ed.pem");
}

#[test]
fn the_pin_comes_from_the_uri_a_file_or_the_environment_and_is_asked_for_nowhere_else() {
    let Some(token) = Token::new() else { return };
    token.key("EC:prime256v1", "01", "k");
    let uri = format!("pkcs11:token=test?{MODULE}");
    let said = token.refuses(&uri, "E-PASSPHRASE", 12);
    assert!(said.contains("no terminal") && said.contains("token \"test\""), "{said}");
    token.signs(&format!("{uri}&pin-source=file:{}", token.bench.path("pin").display()));
    let run = |more: &[&str], pin: Option<&str>| {
        let mut command = token.bench.command();
        command.args(["sign", "MODEL", "--name", "m", "--force", "--key", &uri]).args(more);
        command.env("SOFTHSM2_CONF", token.settings()).envs(pin.map(|pin| ("LACRE_PASSPHRASE", pin)));
        Said::of(&mut command)
    };
    assert_eq!(run(&["--passphrase-file", "pin"], None).exit, Some(0));
    assert_eq!(run(&[], Some("97531")).exit, Some(0));
    run(&[], Some("wrong")).refuses("E-PASSPHRASE", 12);
    let both = format!("{uri}&pin-source=pin");
    let words = ["sign", "MODEL", "--name", "m", "--force", "--key", &both, "--passphrase-file", "pin"];
    Said::of(token.bench.command().args(words)).refuses("E-USAGE", 2);
}

#[test]
fn what_is_missing_is_told_apart() {
    let Some(token) = Token::new() else { return };
    token.key("EC:prime256v1", "01", "release");
    let said = token.refuses("pkcs11:token=test?module-path=/no/module.so&pin-source=pin", "E-NOT-FOUND", 10);
    assert!(said.contains("module /no/module.so"), "{said}");
    let said = token.refuses("pkcs11:token=test?module-path=/etc/passwd&pin-source=pin", "E-SIGNER", 11);
    assert!(said.contains("/etc/passwd"), "{said}");
    let said = token.refuses(&format!("pkcs11:token=other?{MODULE}&pin-source=pin"), "E-NOT-FOUND", 10);
    assert!(said.contains("no token") && said.contains("token=\"test\""), "{said}");
    let said =
        token.refuses(&format!("pkcs11:token=test;serial=0?{MODULE}&pin-source=pin"), "E-NOT-FOUND", 10);
    assert!(said.contains("no token"), "{said}");
    let said =
        token.refuses(&format!("pkcs11:token=test;object=x?{MODULE}&pin-source=pin"), "E-NOT-FOUND", 10);
    assert!(said.contains("no private key") && said.contains("object=\"release\" id=%01"), "{said}");
    token.refuses(&format!("pkcs11:token=test;id=%02?{MODULE}&pin-source=pin"), "E-NOT-FOUND", 10);
    token.refuses(&format!("pkcs11:token=test?{MODULE}&pin-source=nowhere"), "E-NOT-FOUND", 10);
}

#[test]
fn a_wrong_pin_is_told_apart() {
    let Some(token) = Token::new() else { return };
    token.key("EC:prime256v1", "01", "k");
    let uri = format!("pkcs11:token=test?{MODULE}&pin-source=wrong");
    for (pin, code, exit) in [
        (&b"11111"[..], "E-PASSPHRASE", 12),
        (b"1", "E-PASSPHRASE", 12),
        (b"", "E-KEY", 13),
        (b"1\n2\n", "E-KEY", 13),
    ] {
        token.bench.write("wrong", pin);
        token.refuses(&uri, code, exit);
    }
    token.bench.write("wrong", b"11111");
    let said = token.refuses(&uri, "E-PASSPHRASE", 12);
    assert!(said.contains("the PIN is wrong; too many wrong ones lock the token"), "{said}");
}

#[test]
fn a_locked_pin_is_told_apart_and_not_tried() {
    let Some(token) = Token::new() else { return };
    token.key("EC:prime256v1", "01", "k");
    // It never locks a PIN, but it reports the flags that stand there: CKF_USER_PIN_LOCKED in CKA_OS_TOKENFLAGS.
    token.edit(0x8000_534b, 2, |flags| flags[5] |= 0x04);
    let said = token.refuses(&format!("pkcs11:token=test?{MODULE}&pin-source=pin"), "E-PIN-LOCKED", 12);
    assert!(said.contains("locked its PIN"), "{said}");
}

#[test]
fn exactly_one_token_and_one_key_must_match() {
    let Some(token) = Token::new() else { return };
    token.key("EC:prime256v1", "01", "same");
    token.key("EC:secp384r1", "02", "same");
    let said = token.refuses(&format!("pkcs11:token=test;object=same?{MODULE}&pin-source=pin"), "E-KEY", 13);
    assert!(said.contains("id=%01") && said.contains("id=%02"), "{said}");
    token.init("test");
    let said = token.refuses(&format!("pkcs11:token=test;id=%01?{MODULE}&pin-source=pin"), "E-KEY", 13);
    assert!(said.matches("token=\"test\"").count() == 2 && said.contains("slot-id="), "{said}");
}

#[test]
fn keys_that_cannot_sign_are_told_apart() {
    let Some(token) = Token::new() else { return };
    token.key("rsa:2048", "03", "rsa");
    let said = token.refuses(&format!("pkcs11:object=rsa?{MODULE}&pin-source=pin"), "E-UNSUPPORTED", 13);
    assert!(said.contains("RSA"), "{said}");
    token.key("EC:secp256k1", "05", "k1");
    token.refuses(&format!("pkcs11:object=k1?{MODULE}&pin-source=pin"), "E-UNSUPPORTED", 13);
    token.key("EC:prime256v1", "04", "dh");
    // CKA_SIGN becomes CK_FALSE.
    token.edit(0x108, 1, |value| value[0] = 0);
    let said = token.refuses(&format!("pkcs11:object=dh?{MODULE}&pin-source=pin"), "E-KEY", 13);
    assert!(said.contains("CKA_SIGN"), "{said}");
}

#[test]
fn labels_are_shown_harmlessly() {
    let Some(token) = Token::new() else { return };
    token.key("EC:prime256v1", "01", "a\u{1b}[2Jb");
    let said = token.refuses(&format!("pkcs11:object=x?{MODULE}&pin-source=pin"), "E-NOT-FOUND", 10);
    assert!(said.contains("u{1b}[2Jb") && !said.contains('\u{1b}'), "{said}");
    token.signs(&format!("pkcs11:object=a%1B%5B2Jb?{MODULE}&pin-source=pin"));
}

#[test]
fn a_token_without_the_public_key_has_none_to_sign_for() {
    let Some(token) = Token::new() else { return };
    token.key("EC:prime256v1", "01", "k");
    token.pkcs11_tool(&["--delete-object", "--type", "pubkey", "--id", "01"]);
    let said = token.refuses(&format!("pkcs11:token=test?{MODULE}&pin-source=pin"), "E-KEY", 13);
    assert!(said.contains("no public key"), "{said}");
}
