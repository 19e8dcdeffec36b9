//! What to do about a failure: one remedy for each error code, in the words of the verb that failed.

mod channel;
mod log;
mod policy;

use std::io;

use lacre_deliver::DeliverError;
use lacre_sign::{SignError, SignerProblem};

use crate::args::Verb;
use crate::error::CliError;
use crate::passphrase;
use crate::{shell, text};

/// The remedy of `error` in `verb`.
pub(crate) fn remedy(error: &CliError, verb: &Verb) -> Option<String> {
    let hint = own(error).or_else(|| by_code(error.code(), &Subject::of(verb)));
    if !matches!(error, CliError::Deliver(DeliverError::BrokenOff(_))) {
        return hint;
    }
    let again = "run the same command again: it goes on where it stopped";
    Some(match hint {
        // Somebody has to do something first.
        Some(hint) if !["E-INTERRUPTED", "E-NETWORK"].contains(&error.code()) => format!("{hint}\n{again}"),
        _ => again.to_owned(),
    })
}

/// The same for a verb of this name that is about `model`.
pub(crate) fn remedy_in(verb: &'static str, model: &str, error: &CliError) -> Option<String> {
    own(error).or_else(|| by_code(error.code(), &Subject { verb, model: shell::quoted(model) }))
}

/// The remedy that the error itself knows.
pub(crate) fn own(error: &CliError) -> Option<String> {
    match error {
        CliError::Told(error) => own(error),
        CliError::Policy { source, .. } => own(source),
        CliError::Usage { tip, .. } => tip.clone(),
        CliError::PassphraseSlip => {
            Some("nothing was written: try again, and type the same twice".to_owned())
        }
        CliError::Sign(SignError::Passphrase { .. }) => {
            Some("it is the passphrase of another key, or mistyped, or the key file is damaged".to_owned())
        }
        CliError::Sign(SignError::CertificateKey { .. }) => Some(
            "give the private key that this certificate was issued for, or the certificate of this key"
                .to_owned(),
        ),
        CliError::Sign(SignError::Convertible { path, command, .. }) => {
            let command = command.replace("OLD", &shell::quoted(&text::path(path)));
            Some(format!("this writes it anew, encrypted, in a form that is read: {command}"))
        }
        CliError::Sign(SignError::KdfLimit { .. }) => Some(
            "no key needs that much work to open: if it is yours, have the program that wrote it write it anew"
                .to_owned(),
        ),
        CliError::KeyIsCertificate { .. } => {
            Some("certificates of authorities are given with --ca; --key wants a public key".to_owned())
        }
        CliError::Sign(SignError::SelfCheck) => Some(
            "nothing was written: the signer signed something else, or with another key than it says"
                .to_owned(),
        ),
        CliError::Sign(SignError::Outside { problem, .. }) => outside(problem),
        error if is_disk_full(error) => Some(
            "the disk is full, and what was begun there is removed: free some space, then run it again".to_owned(),
        ),
        CliError::KeyIsPrivate { .. } => Some(
            "the public key is the NAME.pub beside the private one; `lacre key show` shows it, too"
                .to_owned(),
        ),
        _ => None,
    }
}

/// Whether there was no room for what was to be written.
fn is_disk_full(error: &CliError) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        }
        next = cause.source();
    }
    false
}

/// What to do about a signer outside of this process.
fn outside(problem: &SignerProblem) -> Option<String> {
    let remedy = match problem {
        SignerProblem::Absent { .. } => {
            "check the name, and that the token is plugged in, or the agent running"
        }
        SignerProblem::Ambiguous { .. } => {
            "name it more exactly: id= or serial= of a pkcs11: URI, SHA256:… of an agent's key"
        }
        SignerProblem::PinWrong { .. } => "a few wrong PINs lock the token: make sure before you try again",
        SignerProblem::Key { .. } | SignerProblem::Unsupported { .. } => {
            "a signer needs a key of ecdsa-p256, ecdsa-p384, ecdsa-p521 or ed25519 that may sign"
        }
        SignerProblem::TimedOut { .. } => {
            "if it needs longer, or somebody has to confirm: --signer-timeout 5m"
        }
        SignerProblem::TooLong { .. } => {
            "the statement lists every file of the model; a key file, a token or an exec: program takes it at any length"
        }
        _ => return None,
    };
    Some(remedy.to_owned())
}

/// What a verb was about, in words that can be pasted into a shell.
struct Subject {
    verb: &'static str,
    model: String,
}

impl Subject {
    fn of(verb: &Verb) -> Self {
        let model = match verb {
            Verb::Key(args) => text::path(args.subject()),
            Verb::Cache(args) => text::path(args.subject()),
            Verb::Sign(args) => args.what(),
            Verb::Attest(args) => args.reference.clone(),
            Verb::Exec(args) => text::path(&args.model),
            Verb::Verify(args) => text::path(&args.model),
            Verb::Inspect(args) => args.what.to_string_lossy().into_owned(),
            Verb::Push(args) => text::path(&args.model),
            Verb::Pull(args) => args.reference.clone(),
            Verb::Diff(args) => args.a.to_string_lossy().into_owned(),
            Verb::Tree(args) => args.reference.clone(),
            Verb::Trust(args) => args.what(),
            Verb::Channel(args) => args.what(),
            Verb::Log(args) => args.subject(),
            Verb::Policy(args) => args.what(),
        };
        Self { verb: verb.name(), model: shell::quoted(&model) }
    }
}

fn by_code(code: &str, subject: &Subject) -> Option<String> {
    channel::of_publisher(code, subject)
        .or_else(|| content(code, subject))
        .or_else(|| trust(code, subject))
        .or_else(|| certificate(code, subject))
        .or_else(|| login(code))
        .or_else(|| encryption(code, subject))
        .or_else(|| channel::remedy(code, subject))
        .or_else(|| log::remedy(code, subject))
        .or_else(|| policy::remedy(code, subject))
        .or_else(|| input(code, subject))
        .or_else(|| form(code, subject))
        .or_else(|| end(code, subject))
}

fn content(code: &str, Subject { verb, model }: &Subject) -> Option<String> {
    let fetch_again = "do not use this model: fetch it again from where it was published".to_owned();
    Some(match code {
        "E-FILE-EXTRA" => {
            "remove the file; --allow-unsigned PATH tolerates it, but nothing proves it".to_owned()
        }
        "E-FILE-MISSING" | "E-FILE-CHANGED" | "E-FILE-SIZE" if *verb == "push" => {
            format!(
                "the model is not what was signed: sign it again with `lacre sign {model} --key KEY --force`"
            )
        }
        "E-FILE-MISSING" | "E-FILE-CHANGED" | "E-FILE-SIZE" => fetch_again,
        "E-FILE-RENAMED" => "give the file its signed name back, or fetch the model again".to_owned(),
        "E-FILE-MODE" if *verb == "pull" => {
            "the disk does not keep modes as they are signed: pull to another one, or without --strict".to_owned()
        }
        "E-FILE-MODE" => {
            "give the files the modes that are signed (chmod u+x, u-x, u-s, g-s, -t), or pull the model again".to_owned()
        }
        "E-FOLDER-MISSING" => "make the folder, or pull the model again".to_owned(),
        "E-FOLDER-EXTRA" => "remove the folder: nothing says that it belongs to the model".to_owned(),
        "E-EXCLUDED" => {
            "remove what is not covered; or sign it, too: lacre sign --no-default-ignores, without --ignore".to_owned()
        }
        "E-MODES-NOT-SIGNED" => {
            "the signature was made by another tool, or of a REF, unread: --strict wants one of lacre sign, over the files"
                .to_owned()
        }
        "E-FILE-TYPE" => {
            "a signed file must be a regular file; for a Hugging Face cache snapshot give --links hf-cache"
                .to_owned()
        }
        "E-FILE-NAME" => "remove or rename the file: no signed name can be like this".to_owned(),
        "E-BLOB-DIGEST" => {
            "the store is damaged or was altered: push the model again from a good copy".to_owned()
        }
        "E-ARTIFACT-MISMATCH" => {
            "the artifact is not what its signature covers: do not use it, and ask who pushed it".to_owned()
        }
        _ => return None,
    })
}

fn trust(code: &str, Subject { verb, model }: &Subject) -> Option<String> {
    Some(match code {
        "E-SIGNATURE-INVALID" | "E-SIGNER-UNTRUSTED" if *verb == "sign" => {
            "--reuse takes over only what the same key has signed before: without it, every file is hashed"
                .to_owned()
        }
        "E-CERTIFICATE" if *verb == "sign" => {
            "nothing was signed: verifiers would refuse it; ask who issued the certificate for one for code signing"
                .to_owned()
        }
        "E-CERTIFICATE-EXPIRED" if *verb == "sign" => {
            "nothing was signed: ask who issued the certificate for a new one, and look at this machine's clock"
                .to_owned()
        }
        "E-CERTIFICATE" | "E-LOG" | "E-TIMESTAMP" => {
            "the evidence beside the signature is damaged, incomplete or forged: do not use the model; \
             ask its signer to sign it again"
                .to_owned()
        }
        "E-CERTIFICATE-EXPIRED" => {
            "it was signed outside of the time for which the certificate counts: ask its signer to sign it again"
                .to_owned()
        }
        "E-SUBJECT" => {
            "the statement is about another manifest: it says nothing about this one".to_owned()
        }
        "E-IDENTITY-MISMATCH" => {
            format!(
                "`lacre inspect {model}` shows who claims to have signed; \
                 expect somebody else only after you know that this is who should sign"
            )
        }
        "E-SIGNATURE-INVALID" => {
            "the signature was not made by this key over this content: do not use the model".to_owned()
        }
        "E-NO-SIGNATURE" if *verb == "pull" => {
            "nobody signed what is stored there, or the signature was not pushed along".to_owned()
        }
        "E-NO-SIGNATURE" if *verb == "push" => {
            format!("sign it first: lacre sign {model} --key KEY --name NAME --version VERSION")
        }
        "E-NO-SIGNATURE" => format!(
            "if the signature is elsewhere, name it with --signature FILE; to sign: lacre sign {model} --key KEY"
        ),
        "E-SIGNER-UNTRUSTED" => format!(
            "`lacre inspect {model}` shows which key the signature names; \
             trust another key only after its owner confirmed it on another way"
        ),
        "E-TOO-FEW-SIGNERS" => {
            format!("a further signer adds a signature with: lacre sign {model} --key KEY --append")
        }
        "E-KEY-EXPIRED" | "E-KEY-RETIRED" => {
            "have the model signed again by a key that signs now; an old signature counts only with a trusted timestamp"
                .to_owned()
        }
        "E-KEY-REVOKED" => "nothing that this key signed counts: have the model signed again by another key".to_owned(),
        "E-CLAIMS-DIFFER" => "give the --name, --version and --ignore of the first signature".to_owned(),
        "E-NAME-MISMATCH" => {
            format!("this is another model than you asked for; `lacre inspect {model}` shows the signed name")
        }
        "E-DIGEST-NOT-SIGNED" => {
            "the signature was made by another tool; --digest sha256 proves by what it signs".to_owned()
        }
        "E-VERSION-MISMATCH" => {
            format!(
                "this is another version than you asked for; `lacre inspect {model}` shows the signed version"
            )
        }
        "E-PASSPHRASE" if *verb == "key import" => format!(
            "give the old passphrase with --passphrase-file FILE (- is stdin) or in {}, the new one with \
             --new-passphrase-file FILE or in {}, or run on a terminal; --no-passphrase writes the key without one",
            passphrase::VARIABLE,
            passphrase::NEW_VARIABLE
        ),
        "E-PIN-LOCKED" => {
            "who administers the token can unlock it; lacre sends it no PIN until then".to_owned()
        }
        "E-PASSPHRASE" => format!(
            "give the passphrase with --passphrase-file FILE (- is stdin) or in {}, or run on a terminal{}",
            passphrase::VARIABLE,
            if *verb == "key new" { "; --no-passphrase makes a key without one" } else { "" }
        ),
        _ => return None,
    })
}

fn certificate(code: &str, Subject { model, .. }: &Subject) -> Option<String> {
    Some(match code {
        "E-ANCHOR" => {
            "wanted: certificates in PEM (`-----BEGIN CERTIFICATE-----`), each in DER as RFC 5280 demands".to_owned()
        }
        "E-CERTIFICATE" => {
            "the signer needs another certificate: for codeSigning, from an authority, under an anchor that you trust"
                .to_owned()
        }
        "E-CERTIFICATE-EXPIRED" => {
            "ask the signer to sign again; a signature outlives its certificate only with a timestamp of a trusted authority"
                .to_owned()
        }
        "E-CERTIFICATE-REVOKED" => {
            "do not use the model: ask the signer what happened to the key".to_owned()
        }
        "E-IDENTITY-MISMATCH" => format!(
            "`lacre inspect {model}` shows who claims to have signed; \
             expect another signer only after its owner confirmed it on another way"
        ),
        "E-REVOCATION-UNKNOWN" => {
            "fetch the current revocation list of every authority between the signer and the anchor".to_owned()
        }
        "E-TIMESTAMP" => {
            "the timestamp proves nothing: name its authority's certificates, or ask the signer to sign again".to_owned()
        }
        _ => return None,
    })
}

/// What to do about what is encrypted.
fn encryption(code: &str, Subject { verb, .. }: &Subject) -> Option<String> {
    let remedy = match code {
        "E-AGE-HEADER" | "E-CIPHERTEXT" => {
            "the store is damaged or was altered: push the model again, encrypted, from a good copy"
        }
        "E-AGE-KEY" => {
            "age-keygen makes a pair: the file of AGE-SECRET-KEY-1… is for --decrypt-with, the line age1… for --encrypt"
        }
        "E-ENCRYPTED" if *verb == "sign" => {
            "it can only be signed as a whole: lacre sign REF --key KEY, without --name and --version"
        }
        "E-ENCRYPTED" => "give the age identities of a recipient: lacre pull … --decrypt-with FILE",
        "E-NO-MANIFEST-SIGNATURE" => {
            "nothing was decrypted: anybody could have put it there; `lacre push --encrypt … --key KEY` signs it, or afterwards \
             `lacre sign REF --key KEY`"
        }
        "E-NOT-RECIPIENT" => {
            "have it pushed for you, too: give your recipient (age1…) to whoever encrypts it"
        }
        _ => return None,
    };
    Some(remedy.to_owned())
}

/// What to do about a registry that wants to know who asks.
fn login(code: &str) -> Option<String> {
    let remedy = match code {
        "E-AUTH" => {
            "log in with `docker login HOST` or `podman login HOST`, as somebody who may do this; \
             docs/REGISTRIES.md has the other ways"
        }
        "E-AUTH-REALM" => {
            "ask the registry's operator whether its token service stands there; if so: --auth-realm HOST \
             (docs/REGISTRIES.md has the rules)"
        }
        "E-CHALLENGE" => {
            "what answers there is no registry, or stands behind a proxy that wants a login of its own: check the address"
        }
        "E-CREDENTIAL-HELPER" => {
            "run it by hand: echo HOST | docker-credential-NAME get; or take it out of the file that names it"
        }
        "E-DENIED" => {
            "ask whoever runs the registry for the right to do this; `docker login HOST` changes who asks"
        }
        "E-CREDENTIALS" => {
            "correct that file or variable, or log in anew with docker or podman; docs/REGISTRIES.md has the order of places"
        }
        _ => return None,
    };
    Some(remedy.to_owned())
}

fn input(code: &str, Subject { verb, model }: &Subject) -> Option<String> {
    Some(match code {
        "E-EXISTS" if verb.starts_with("key ") => {
            "choose another name; a key is never overwritten, not even with --force: \
             without it, nothing new could be signed under the trust it has"
                .to_owned()
        }
        "E-EXISTS" => "choose another place, or give --force to replace it".to_owned(),
        "E-INPUT-TYPE" => "only regular files are signed: remove it, or leave it out with --ignore PATH; \
             for a Hugging Face cache snapshot give --links hf-cache"
            .to_owned(),
        "E-INPUT-NAME" => "rename it: signed names are UTF-8, relative, and without backslash".to_owned(),
        "E-INPUT-MODE" => {
            "no file of a model has a use for these bits, and they are never signed: chmod u-s,g-s,-t FILE".to_owned()
        }
        "E-INPUT-CHANGED" => {
            format!("something writes to {model} while it is read: wait for it, then try again")
        }
        "E-INPUT-EMPTY" => "a model has at least one file that is not ignored".to_owned(),
        "E-NOT-FOUND" => "check the path".to_owned(),
        "E-UNREADABLE" => "check the permissions, and that it is what the command line says it is".to_owned(),
        "E-OUTPUT" => {
            "check that the folder exists, that it may be written to, and that the disk has space".to_owned()
        }
        "E-NO-MATCH" => {
            format!("`lacre inspect {model} -v` lists the names; * stays within a part of a name, ** does not")
        }
        "E-REFERENCE" => {
            "a reference is oci:DIR[:TAG] or HOST[:PORT]/REPOSITORY[:TAG], or either with @sha256:DIGEST".to_owned()
        }
        "E-NETWORK" if ["attest", "push", "pull", "inspect", "tree", "diff"].contains(verb) => {
            "is the registry up, and its name right? one without TLS needs --plain-http HOST, one with its own authority \
             --registry-ca FILE"
                .to_owned()
        }
        "E-NETWORK" => {
            "nothing was written; is the service up, and the address right? then run it again".to_owned()
        }
        "E-SERVICE" => {
            "nothing was written; the service is out of order, or another one than expected: check its \
                        address, or wait"
                .to_owned()
        }
        "E-TOKEN" => {
            "get a new token for the audience `sigstore`: in a file, in SIGSTORE_ID_TOKEN, or from the CI \
                      system"
                .to_owned()
        }
        "E-TRUST-CONFIG" if ["verify", "pull", "trust show", "trust update"].contains(verb) => {
            "look at who wrote it, or remove it and run `lacre trust update`; until then what is built in counts".to_owned()
        }
        "E-TRUST-METADATA" => {
            "nothing was changed: the repository, or somebody on the way to it, gives out something else than its \
             owners signed; try another network, and do not trust it on another way"
                .to_owned()
        }
        "E-METADATA-EXPIRED" => {
            "nothing was changed: look at this machine's clock; else the repository is stale, or somebody holds newer \
             metadata back"
                .to_owned()
        }
        "E-ROLLBACK" => {
            "nothing was changed: somebody offers an older state than was seen before; try another network, and ask \
             who runs the repository"
                .to_owned()
        }
        "E-TRUST-CONFIG" => {
            "wanted: a Sigstore client trust configuration, with trustedRoot and signingConfig, whose \
                             services are in office now"
                .to_owned()
        }
        "E-REFERENCE-NOT-FOUND" => "check the folder or repository, and the tag, of the reference".to_owned(),
        "E-REDIRECT" => {
            "the registry is set up wrongly, or not the one that you mean; where it speaks plain HTTP behind a proxy, \
             tell the proxy to say so"
                .to_owned()
        }
        "E-REGISTRY" => {
            "the registry refused or is out of order: its own words are above; what is stored there is not moved again"
                .to_owned()
        }
        "E-TLS-FILE" => "wanted: certificates, and a private key, in PEM (`-----BEGIN CERTIFICATE-----`)".to_owned(),
        "E-SIGNER" => {
            "nothing was written: try the signer by itself, and see docs/SIGNERS.md for what is expected of it"
                .to_owned()
        }
        "E-BLOB-MISSING" => "the store is incomplete: push the model again".to_owned(),
        "E-COMMAND" => "check the program's path and that it may be executed".to_owned(),
        "E-RANGE" => "ask for bytes that the file has".to_owned(),
        "E-TENSORS-AMBIGUOUS" => "name the safetensors file, or the index, that is meant".to_owned(),
        "E-USAGE" => format!("lacre {verb} --help"),
        _ => return None,
    })
}

fn form(code: &str, Subject { verb, .. }: &Subject) -> Option<String> {
    Some(match code {
        "E-KEY" if ["attest", "push", "sign", "key import"].contains(verb) => {
            "wanted: a private key in PEM, as `lacre key new`, openssl, ssh-keygen or cosign writes it, \
             of ecdsa-p256, ecdsa-p384, ecdsa-p521 or ed25519"
                .to_owned()
        }
        "E-KEY" => "wanted: a public key of ecdsa-p256, ecdsa-p384, ecdsa-p521 or ed25519, in PEM \
             (`-----BEGIN PUBLIC KEY-----`) or as ssh-keygen writes it (`ssh-ed25519 AAAA…`)"
            .to_owned(),
        "E-LEGACY" if ["verify", "pull"].contains(verb) => {
            "have the model signed anew; --allow-legacy-danger accepts it as it is: it names no model, so any other of \
             this signer passes for it"
                .to_owned()
        }
        "E-LEGACY" => "have the model signed anew, in a form of today".to_owned(),
        "E-NAME-COLLISION" | "E-DUPLICATE-NAME" if *verb == "sign" => {
            "rename one of them: on another file system both names are one file".to_owned()
        }
        "E-TRUST-ROOT" => {
            "wanted: the trusted_root.json of the Sigstore instance, from whoever runs it".to_owned()
        }
        "E-UNSUPPORTED" if ["attest", "sign", "key import", "key show"].contains(verb) => {
            "keys of ecdsa-p256, ecdsa-p384, ecdsa-p521 and ed25519 are read; `lacre key new` makes one".to_owned()
        }
        "E-DUPLICATE-KEY" | "E-JSON" | "E-LIMIT" | "E-PREDICATE" | "E-STATEMENT" if *verb == "attest" => {
            "wanted: a predicate that is one JSON object, with no key twice, of at most 16 MiB and 31 levels, and a URI as \
             its type"
                .to_owned()
        }
        "E-LIMIT" if verb.starts_with("key ") => {
            "no key is that long: it is not a key file, or made to exhaust".to_owned()
        }
        "E-UNSUPPORTED" => "this version of lacre does not read this kind; look for a newer one".to_owned(),
        "E-TRUST-FILE" => "a trust file that is not wholly understood trusts nobody: correct it".to_owned(),
        "E-SAFETENSORS" => "the file is no valid safetensors file; it was signed like this".to_owned(),
        "E-SAFETENSORS-INDEX" => {
            "the index and its files do not agree; they were signed like this: have the model saved and signed anew".to_owned()
        }
        "E-LIMIT" => {
            "more than is read from somebody who is not trusted yet; a genuine long statement: --max-statement 2GiB"
                .to_owned()
        }
        "E-MEMORY-LIMIT" => {
            "the files would not fit into the memory that is free: load fewer of them at once, or only the ranges that are \
             needed"
                .to_owned()
        }
        "E-LAYOUT" => "the folder is not an OCI image layout (oci-layout, index.json, blobs/), or a damaged one".to_owned(),
        "E-ARCHIVE" => "a layer is no archive, is damaged, or was made to confuse: ask who pushed it".to_owned(),
        "E-ARCHIVE-MEMBER" => {
            "a model has files and folders; links, devices and holes in its archives are never unpacked".to_owned()
        }
        "E-ARTIFACT" => "what is stored there is no model in a form that lacre reads, or it was altered".to_owned(),
        "E-PACKED" => {
            "only its signature names the files of such an artifact: pull it, and work with the folder".to_owned()
        }
        "E-BUNDLE" | "E-ENVELOPE" | "E-SIGNATURE-COUNT" | "E-PAYLOAD-TYPE" | "E-JSON" | "E-DUPLICATE-KEY" => {
            "it is not a well-formed signature bundle (Sigstore bundle v0.3 with one DSSE signature): \
             it is damaged, of another kind, or made to confuse"
                .to_owned()
        }
        "E-STATEMENT" | "E-STATEMENT-TYPE" | "E-PREDICATE" | "E-PREDICATE-TYPE" | "E-NO-RESOURCES" | "E-ROOT"
        | "E-IDENTITY" | "E-PATH" | "E-DUPLICATE-NAME" | "E-NAME-COLLISION" | "E-IGNORE" | "E-HEX" | "E-CHUNKS" => {
            "what is signed is not a sound OpenSSF Model Signing v1.0 statement: ask its signer to sign again".to_owned()
        }
        _ => return None,
    })
}

fn end(code: &str, Subject { verb, .. }: &Subject) -> Option<String> {
    let remedy = match code {
        "E-INTERRUPTED" if *verb == "push" => "what is stored already is not stored again by the next push",
        "E-BUG" => {
            "this is a fault of lacre, not yours: please report it with the command line and this message"
        }
        "E-DECLINED" => "nothing was signed; a key file or another token signs as somebody else",
        "E-INTERRUPTED" => "nothing was changed; run it again when you like",
        _ => return None,
    };
    Some(remedy.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit;

    #[test]
    fn every_code_has_a_remedy_in_every_verb() {
        for verb in [
            "key new",
            "key import",
            "key show",
            "sign",
            "attest",
            "verify",
            "inspect",
            "push",
            "pull",
            "tree",
            "diff",
            "trust update",
            "trust show",
            "channel init",
            "channel publish",
            "channel refresh",
            "channel sign",
            "channel status",
        ] {
            let subject = Subject { verb, model: "MODEL".to_owned() };
            for code in exit::TABLE.iter().flat_map(|row| row.codes) {
                let hint = by_code(code, &subject);
                assert!(hint.is_some_and(|hint| !hint.is_empty()), "{code} in {verb}");
            }
        }
    }
}
