//! One flaw each, the code and a part of the reason that it must be refused with, and what `openssl verify` (without a
//! purpose: it has none for signing code) says about the same chain.

use lacre_testkit::pki::{Draft, Ext, TestKey, der, general, pss, purpose, usage};
use lacre_verify::TrustedTime;

use crate::story::Story;

/// What `openssl verify` does.
#[derive(Clone, Copy)]
pub(crate) enum OpenSsl {
    Refuses,
    /// Lacre is stricter.
    Accepts,
    /// What it does differs between versions, or the flaw is in what it is not given.
    NotAsked,
}

use OpenSsl::{Accepts, NotAsked, Refuses};

pub(crate) struct Mutation {
    pub(crate) name: &'static str,
    pub(crate) change: fn(&mut Story),
    pub(crate) code: &'static str,
    pub(crate) says: &'static str,
    pub(crate) openssl: OpenSsl,
}

const fn row(
    name: &'static str,
    code: &'static str,
    says: &'static str,
    openssl: OpenSsl,
    change: fn(&mut Story),
) -> Mutation {
    Mutation { name, change, code, says, openssl }
}

const REFUSED: &str = "E-CERTIFICATE";
const EXPIRED: &str = "E-CERTIFICATE-EXPIRED";
const UNTRUSTED: &str = "E-SIGNER-UNTRUSTED";

fn names(list: &[Vec<u8>]) -> Ext {
    Ext::alternative_names(list)
}

/// The root limits names like this, and the leaf has these.
fn limited(story: &mut Story, permitted: &[Vec<u8>], excluded: &[Vec<u8>], has: &[Vec<u8>]) {
    story.root.put(Ext::constraints(permitted, excluded));
    story.leaf.put(names(has));
}

fn at(story: &mut Story, text: &str) {
    story.times = vec![TrustedTime::now(der::moment(text))];
}

/// Adds authorities between the one and the leaf, so many of them.
fn lengthen(story: &mut Story, more: usize) {
    let mut above = ("Middle".to_owned(), TestKey::p256("middle"));
    for number in 0..more {
        let (subject, key) = (format!("Level {number}"), TestKey::p256(&format!("level {number}")));
        story.beside.push(Draft::authority(&above.0, &subject, &key).sign(&above.1));
        above = (subject, key);
    }
    story.leaf.issuer = der::name(&above.0);
    story.leaf_by = Some(above.1);
}

pub(crate) const MUTATIONS: &[Mutation] = &[
    // What the leaf is for.
    row("no extendedKeyUsage", REFUSED, "codeSigning", Accepts, |story| {
        story.leaf.remove("2.5.29.37");
    }),
    row("serverAuth only", REFUSED, "codeSigning", Accepts, |story| {
        story.leaf.put(Ext::purposes(&[purpose::SERVER_AUTH]));
    }),
    row("any purpose is not enough", REFUSED, "codeSigning", Accepts, |story| {
        story.leaf.put(Ext::purposes(&[purpose::ANY]));
    }),
    row("timeStamping only", REFUSED, "codeSigning", Accepts, |story| {
        story.leaf.put(Ext::purposes(&[purpose::TIME_STAMPING]));
    }),
    row("no purpose in the list", REFUSED, "codeSigning", NotAsked, |story| {
        story.leaf.put(Ext::purposes(&[]));
    }),
    row("keyUsage for encipherment", REFUSED, "digitalSignature", Accepts, |story| {
        story.leaf.put(Ext::usage(&[usage::KEY_ENCIPHERMENT]));
    }),
    row("keyUsage for nonRepudiation alone", REFUSED, "digitalSignature", Accepts, |story| {
        story.leaf.put(Ext::usage(&[usage::NON_REPUDIATION]));
    }),
    row("keyUsage of nothing", REFUSED, "digitalSignature", NotAsked, |story| {
        story.leaf.put(Ext::usage(&[]));
    }),
    row("keyCertSign on the leaf", REFUSED, "keyCertSign", Accepts, |story| {
        story.leaf.put(Ext::usage(&[usage::DIGITAL_SIGNATURE, usage::KEY_CERT_SIGN]));
    }),
    row("keyCertSign alone on the leaf", REFUSED, "keyCertSign", Accepts, |story| {
        story.leaf.put(Ext::usage(&[usage::KEY_CERT_SIGN]));
    }),
    row("CA:TRUE and keyCertSign on the leaf", REFUSED, "keyCertSign", Accepts, |story| {
        story
            .leaf
            .put(Ext::authority(None))
            .put(Ext::usage(&[usage::DIGITAL_SIGNATURE, usage::KEY_CERT_SIGN]));
    }),
    row("CA:TRUE without keyUsage", REFUSED, "CA:TRUE", Accepts, |story| {
        story.leaf.put(Ext::authority(None)).remove("2.5.29.15");
    }),
    row("CA:TRUE with cRLSign", REFUSED, "CA:TRUE", Accepts, |story| {
        story.leaf.put(Ext::authority(None)).put(Ext::usage(&[usage::DIGITAL_SIGNATURE, usage::CRL_SIGN]));
    }),
    row("unknown critical extension on the leaf", REFUSED, "1.2.3.4", Refuses, |story| {
        story.leaf.put(Ext::new("1.2.3.4", der::null()).critical());
    }),
    row("critical certificatePolicies on the leaf", REFUSED, "2.5.29.32", NotAsked, |story| {
        story
            .leaf
            .put(Ext::new("2.5.29.32", der::sequence(&[der::sequence(&[der::oid("1.2.3")])])).critical());
    }),
    row("a leaf of version 1", REFUSED, "codeSigning", NotAsked, |story| {
        story.leaf.version = 0;
        story.leaf.extensions.clear();
    }),
    // Who vouches.
    row("the leaf signs itself under its authority's name", REFUSED, "its own key", Refuses, |story| {
        story.leaf_by = Some(TestKey::p256("leaf"));
    }),
    row("the leaf is self-signed", REFUSED, "its own key", Refuses, |story| {
        story.leaf.issuer = story.leaf.subject.clone();
        story.leaf_by = Some(TestKey::p256("leaf"));
    }),
    row("another authority", UNTRUSTED, "CN=Elsewhere", Refuses, |story| {
        story.leaf.issuer = der::name("Elsewhere");
    }),
    row("an anchor of another name", UNTRUSTED, "CN=Root", Refuses, |story| {
        story.anchors = Some(vec![Draft::root("Other", &TestKey::p384("root")).sign(&TestKey::p384("root"))]);
    }),
    row("the authority is missing", UNTRUSTED, "CN=Middle", Refuses, |story| {
        story.edit = |given| given.truncate(1);
    }),
    row("the leaf as the anchor", UNTRUSTED, "CN=Middle", NotAsked, |story| {
        story.anchors = Some(vec![story.leaf.sign(&story.middle_key)]);
        story.edit = |given| given.truncate(1);
    }),
    row("the name of the issuer in another type of string", UNTRUSTED, "CN=Middle", Accepts, |story| {
        story.leaf.issuer = der::named(&[("2.5.4.3", der::value(0x13, b"Middle"))]);
    }),
    row("the name of the issuer in other letters", UNTRUSTED, "CN=MIDDLE", Accepts, |story| {
        story.leaf.issuer = der::name("MIDDLE");
    }),
    row("an anchor of the same name with another key", REFUSED, "does not verify", Refuses, |story| {
        story.anchors = Some(vec![Draft::root("Root", &TestKey::p256("x")).sign(&TestKey::p256("x"))]);
    }),
    row("the leaf is signed by a stranger", REFUSED, "does not verify", Refuses, |story| {
        story.leaf_by = Some(TestKey::p256("stranger"));
    }),
    row("the authority is signed by a stranger", REFUSED, "does not verify", Refuses, |story| {
        story.middle_by = Some(TestKey::p256("stranger"));
    }),
    row("one bit of the leaf's signature", REFUSED, "does not verify", Refuses, |story| {
        story.edit = |given| *given[0].last_mut().unwrap() ^= 1;
    }),
    row("one bit of the authority's signature", REFUSED, "does not verify", Refuses, |story| {
        story.edit = |given| *given[1].last_mut().unwrap() ^= 1;
    }),
    row("one letter of the leaf's subject", REFUSED, "does not verify", Refuses, |story| {
        story.edit = |given| {
            let at = given[0].windows(7).position(|part| part == b"Release").unwrap();
            given[0][at] = b'r';
        };
    }),
    row("one day more", REFUSED, "does not verify", Refuses, |story| {
        story.edit = |given| {
            let at = given[0].windows(6).position(|part| part == b"300101").unwrap();
            given[0][at + 5] = b'2';
        };
    }),
    // Authorities.
    row("an authority without basicConstraints", REFUSED, "no authority", Refuses, |story| {
        story.middle.remove("2.5.29.19");
    }),
    row("an authority with CA:FALSE", REFUSED, "no authority", Refuses, |story| {
        story.middle.put(Ext::no_authority());
    }),
    row("an authority without keyCertSign", REFUSED, "keyCertSign", Refuses, |story| {
        story.middle.put(Ext::usage(&[usage::DIGITAL_SIGNATURE]));
    }),
    row("an authority for servers", REFUSED, "codeSigning", Accepts, |story| {
        story.middle.put(Ext::purposes(&[purpose::SERVER_AUTH]));
    }),
    row("an anchor for servers", REFUSED, "codeSigning", Accepts, |story| {
        story.root.put(Ext::purposes(&[purpose::SERVER_AUTH]));
    }),
    row("an anchor without basicConstraints", REFUSED, "no authority", NotAsked, |story| {
        story.root.remove("2.5.29.19");
    }),
    row("an anchor without keyCertSign", REFUSED, "keyCertSign", NotAsked, |story| {
        story.root.put(Ext::usage(&[usage::CRL_SIGN]));
    }),
    row("an authority of version 1", REFUSED, "version 3", Refuses, |story| {
        story.middle.version = 0;
        story.middle.extensions.clear();
    }),
    row("an anchor of version 1", REFUSED, "version 3", Accepts, |story| {
        story.root.version = 0;
        story.root.extensions.clear();
    }),
    row("another leaf in the authority's place", REFUSED, "no authority", Refuses, |story| {
        story.middle.extensions = story.leaf.extensions.clone();
    }),
    row("unknown critical extension on the authority", REFUSED, "1.2.3.4", Refuses, |story| {
        story.middle.put(Ext::new("1.2.3.4", der::null()).critical());
    }),
    row("unknown critical extension on the anchor", REFUSED, "1.2.3.4", NotAsked, |story| {
        story.root.put(Ext::new("1.2.3.4", der::null()).critical());
    }),
    row("policyConstraints", REFUSED, "2.5.29.36", NotAsked, |story| {
        story.middle.put(Ext::new("2.5.29.36", der::sequence(&[der::value(0x80, &[0])])).critical());
    }),
    row("path length zero above two authorities", REFUSED, "0 authorities below", Refuses, |story| {
        story.middle.put(Ext::authority(Some(0)));
        lengthen(story, 1);
    }),
    row("path length of the anchor", REFUSED, "0 authorities below", NotAsked, |story| {
        story.root.put(Ext::authority(Some(0)));
    }),
    row("path length one above three", REFUSED, "1 authorities below", Refuses, |story| {
        story.middle.put(Ext::authority(Some(1)));
        lengthen(story, 2);
    }),
    row("nine certificates in a path", REFUSED, "more than 8", Accepts, |story| lengthen(story, 6)),
    row("no certificate", REFUSED, "0 certificates", NotAsked, |story| {
        story.edit = Vec::clear;
    }),
    row("seventeen certificates", REFUSED, "17 certificates", NotAsked, |story| lengthen(story, 15)),
    // Times.
    row("the leaf is expired", EXPIRED, "CN=Release", Refuses, |story| at(story, "20300101000001Z")),
    row("the leaf is not yet valid", EXPIRED, "CN=Release", Refuses, |story| at(story, "20231231235959Z")),
    row("the authority is expired", EXPIRED, "CN=Middle", Refuses, |story| {
        "20250101000000Z".clone_into(&mut story.middle.not_after);
    }),
    row("the authority is not yet valid", EXPIRED, "CN=Middle", Refuses, |story| {
        "20270101000000Z".clone_into(&mut story.middle.not_before);
    }),
    row("the anchor is expired", EXPIRED, "CN=Root", Refuses, |story| {
        "20250101000000Z".clone_into(&mut story.root.not_after);
    }),
    row("the anchor is not yet valid", EXPIRED, "CN=Root", Refuses, |story| {
        "20270101000000Z".clone_into(&mut story.root.not_before);
    }),
    row("an intermediate anchor that is expired", EXPIRED, "CN=Middle", Refuses, |story| {
        "20250101000000Z".clone_into(&mut story.middle.not_after);
        story.anchors = Some(vec![story.middle.sign(&story.root_key)]);
    }),
    // Algorithms and keys.
    row("SHA-1 with ECDSA", REFUSED, "1.2.840.10045.4.1 ", NotAsked, |story| {
        story.leaf.inner = Some(der::sequence(&[der::oid("1.2.840.10045.4.1")]));
        story.leaf.outer.clone_from(&story.leaf.inner);
    }),
    row("SHA-1 with RSA", REFUSED, "1.2.840.113549.1.1.5 ", NotAsked, |story| {
        story.leaf.inner = Some(der::sequence(&[der::oid("1.2.840.113549.1.1.5"), der::null()]));
        story.leaf.outer.clone_from(&story.leaf.inner);
    }),
    row("MD5 with RSA", REFUSED, "1.2.840.113549.1.1.4 ", NotAsked, |story| {
        story.leaf.inner = Some(der::sequence(&[der::oid("1.2.840.113549.1.1.4"), der::null()]));
        story.leaf.outer.clone_from(&story.leaf.inner);
    }),
    row("PSS with another hash in its mask", REFUSED, "1.2.840.113549.1.1.10 ", NotAsked, |story| {
        story.leaf.inner = Some(pss("2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2", 32));
        story.leaf.outer.clone_from(&story.leaf.inner);
    }),
    row("PSS with a short salt", REFUSED, "1.2.840.113549.1.1.10 ", NotAsked, |story| {
        story.leaf.inner = Some(pss("2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.1", 20));
        story.leaf.outer.clone_from(&story.leaf.inner);
    }),
    row("another algorithm inside", REFUSED, "inside is not the one outside", Refuses, |story| {
        story.leaf.inner = Some(der::sequence(&[der::oid("1.2.840.10045.4.3.3")]));
    }),
    row("another algorithm outside", REFUSED, "inside is not the one outside", Refuses, |story| {
        story.leaf.outer = Some(der::sequence(&[der::oid("1.2.840.10045.4.3.3")]));
    }),
    row("parameters where none belong", REFUSED, "1.2.840.10045.4.3.2 ", NotAsked, |story| {
        story.leaf.inner = Some(der::sequence(&[der::oid("1.2.840.10045.4.3.2"), der::null()]));
        story.leaf.outer.clone_from(&story.leaf.inner);
    }),
    row("an algorithm of another kind of key", REFUSED, "does not verify", Refuses, |story| {
        story.leaf.inner = Some(der::sequence(&[der::oid("1.2.840.113549.1.1.11"), der::null()]));
        story.leaf.outer.clone_from(&story.leaf.inner);
    }),
    row("an authority with RSA of 1024 bits", REFUSED, "1024 bits", Refuses, |story| {
        story.middle.spki = TestKey::RsaOf(1024).spki();
        story.leaf_by = Some(TestKey::RsaOf(1024));
    }),
    row("an authority with RSA of 2040 bits", REFUSED, "2040 bits", NotAsked, |story| {
        story.middle.spki = TestKey::RsaOf(2040).spki();
        story.leaf_by = Some(TestKey::RsaOf(2040));
    }),
    row("an authority with RSA of 16384 bits", REFUSED, "16384 bits", NotAsked, |story| {
        story.middle.spki = TestKey::RsaOf(16384).spki();
        story.leaf_by = Some(TestKey::RsaOf(16384));
    }),
    row("an authority with a compressed point", REFUSED, "malformed", NotAsked, |story| {
        let mut point = story.middle.spki[story.middle.spki.len() - 65..].to_vec();
        point.truncate(33);
        point[0] = 2;
        let curve = der::sequence(&[der::oid("1.2.840.10045.2.1"), der::oid("1.2.840.10045.3.1.7")]);
        story.middle.spki = der::sequence(&[curve, der::bits(&point)]);
    }),
    row("an authority on secp256k1", REFUSED, "1.3.132.0.10", NotAsked, |story| {
        let point = story.middle.spki[story.middle.spki.len() - 65..].to_vec();
        let curve = der::sequence(&[der::oid("1.2.840.10045.2.1"), der::oid("1.3.132.0.10")]);
        story.middle.spki = der::sequence(&[curve, der::bits(&point)]);
    }),
    row("a leaf whose point is not on the curve", REFUSED, "malformed", Refuses, |story| {
        *story.leaf.spki.last_mut().unwrap() ^= 1;
    }),
    // Form.
    row("an extension twice", REFUSED, "stands twice", NotAsked, |story| {
        let again = story.leaf.extensions[2].clone();
        story.leaf.extensions.push(again);
    }),
    row("an unknown extension twice", REFUSED, "stands twice", NotAsked, |story| {
        story.leaf.extensions.extend([Ext::new("1.2.3.4", der::null()), Ext::new("1.2.3.4", der::null())]);
    }),
    row("an extension twice on the authority", REFUSED, "stands twice", NotAsked, |story| {
        let again = story.middle.extensions[0].clone();
        story.middle.extensions.push(again);
    }),
    row("critical FALSE written out", REFUSED, "one form that DER allows", NotAsked, |story| {
        story.leaf.extensions[2].critical = Some(der::Truth::False);
    }),
    row("CA:FALSE written out", REFUSED, "one form that DER allows", NotAsked, |story| {
        story.leaf.put(Ext::new("2.5.29.19", der::sequence(&[der::boolean(der::Truth::False)])));
    }),
    row("extensions in version 1", REFUSED, "not of version 3", NotAsked, |story| story.leaf.version = 0),
    row("a version that does not exist", REFUSED, "DER", NotAsked, |story| story.leaf.version = 7),
    row("a byte behind the leaf", REFUSED, "DER", NotAsked, |story| {
        story.edit = |given| given[0].push(0);
    }),
    row("a byte behind the authority", REFUSED, "number 2", NotAsked, |story| {
        story.edit = |given| given[1].push(0);
    }),
    row("a leaf cut short", REFUSED, "DER", NotAsked, |story| {
        story.edit = |given| {
            given[0].pop();
        };
    }),
    row("a malformed extendedKeyUsage", REFUSED, "DER", NotAsked, |story| {
        story.leaf.put(Ext::new("2.5.29.37", b"hello".to_vec()));
    }),
    row("a leaf of 33 KiB", REFUSED, "more than the limit", NotAsked, |story| {
        story.leaf.put(Ext::new("1.2.3.4", vec![0; 32 * 1024]));
    }),
    row("no leaf, a word", REFUSED, "DER", NotAsked, |story| {
        story.edit = |given| given[0] = b"hello".to_vec();
    }),
    // Name constraints. RUSTSEC-2026-0098 and others: names of kinds that were not looked at.
    row("a DNS name that is not permitted", REFUSED, "evil.test", Refuses, |story| {
        limited(story, &[general::dns("example.test")], &[], &[general::dns("evil.test")]);
    }),
    row("a DNS name that only ends alike", REFUSED, "badexample.test", Refuses, |story| {
        limited(story, &[general::dns("example.test")], &[], &[general::dns("badexample.test")]);
    }),
    row("a DNS name that is excluded", REFUSED, "a.evil.test", Refuses, |story| {
        limited(story, &[], &[general::dns("EVIL.test")], &[general::dns("a.evil.test")]);
    }),
    row("a wildcard around what is excluded", REFUSED, "*.example.test", NotAsked, |story| {
        limited(story, &[], &[general::dns("secret.example.test")], &[general::dns("*.example.test")]);
    }),
    row("a wildcard above what is permitted", REFUSED, "*.test", NotAsked, |story| {
        limited(story, &[general::dns("example.test")], &[], &[general::dns("*.test")]);
    }),
    row("an e-mail address of another host", REFUSED, "evil.test", Refuses, |story| {
        limited(story, &[general::email("example.test")], &[], &[general::email("me@evil.test")]);
    }),
    row("an e-mail address of a host below", REFUSED, "sub.example.test", Refuses, |story| {
        limited(story, &[general::email("example.test")], &[], &[general::email("me@sub.example.test")]);
    }),
    row("another mailbox", REFUSED, "you@example.test", Refuses, |story| {
        limited(story, &[general::email("me@example.test")], &[], &[general::email("you@example.test")]);
    }),
    row("an e-mail address with two hosts", REFUSED, "evil.test", NotAsked, |story| {
        limited(story, &[], &[general::email("evil.test")], &[general::email("me@evil.test@example.test")]);
    }),
    row("an e-mail address in the subject", REFUSED, "me@evil.test", Refuses, |story| {
        limited(story, &[general::email("example.test")], &[], &[general::email("me@example.test")]);
        story.leaf.subject = der::named(&[("1.2.840.113549.1.9.1", der::value(0x16, b"me@evil.test"))]);
    }),
    row("a URI of another host", REFUSED, "evil.test", Refuses, |story| {
        limited(story, &[general::uri(".example.test")], &[], &[general::uri("https://evil.test/x")]);
    }),
    row("a URI whose host hides behind a user", REFUSED, "evil.test", NotAsked, |story| {
        limited(story, &[], &[general::uri("evil.test")], &[general::uri("https://good.test@evil.test/")]);
    }),
    row("a URI of an address", REFUSED, "127.0.0.1", NotAsked, |story| {
        limited(story, &[], &[general::uri("evil.test")], &[general::uri("https://127.0.0.1/")]);
    }),
    row("a URI without a host", REFUSED, "urn:x:y", NotAsked, |story| {
        limited(story, &[general::uri("example.test")], &[], &[general::uri("urn:x:y")]);
    }),
    row("a subject that is not permitted", REFUSED, "CN=Release", Refuses, |story| {
        let example = der::named(&[("2.5.4.10", der::utf8("Example"))]);
        story.middle.put(Ext::constraints(&[general::directory(&example)], &[]));
    }),
    row("a subject that is excluded, in other letters", REFUSED, "CN=Release", Refuses, |story| {
        limited(
            story,
            &[],
            &[general::directory(&der::named(&[("2.5.4.3", der::value(0x13, b"RELEASE"))]))],
            &[],
        );
    }),
    row("an authority whose subject is excluded", REFUSED, "CN=Middle", Refuses, |story| {
        limited(story, &[], &[general::directory(&der::name("Middle"))], &[]);
    }),
    row("constraints of the authority, not the anchor", REFUSED, "evil.test", Refuses, |story| {
        story.middle.put(Ext::constraints(&[general::dns("example.test")], &[]));
        story.leaf.put(names(&[general::dns("evil.test")]));
    }),
    row("constraints of addresses", REFUSED, "not understood", NotAsked, |story| {
        limited(story, &[general::address(&[10, 0, 0, 0, 255, 0, 0, 0])], &[], &[general::dns("x.test")]);
    }),
    row("constraints of a kind that the leaf has not", REFUSED, "not understood", Accepts, |story| {
        limited(story, &[], &[general::address(&[10, 0, 0, 0, 255, 0, 0, 0])], &[general::dns("x.test")]);
    }),
    row("constraints with a maximum", REFUSED, "a minimum or a maximum", NotAsked, |story| {
        let tree = der::sequence(&[general::dns("example.test"), der::value(0x81, &[3])]);
        story.root.put(Ext::new("2.5.29.30", der::sequence(&[der::context(0, &tree)])).critical());
    }),
];
