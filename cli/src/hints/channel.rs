//! What to do about a channel, its keys, or what a client remembers of it.

use super::Subject;

pub(super) fn remedy(code: &str, subject: &Subject) -> Option<String> {
    // The trust in a Sigstore knows rollbacks, too, and has a remedy of its own.
    if code == "E-ROLLBACK" && subject.verb.starts_with("trust ") {
        return None;
    }
    decision(code).or_else(|| state(code)).map(str::to_owned).or_else(|| edit(code, subject))
}

/// What means something else to whoever publishes.
pub(super) fn of_publisher(code: &str, Subject { verb, model: place }: &Subject) -> Option<String> {
    let remedy = match (*verb, code) {
        ("channel init", "E-EXISTS") => {
            "a channel is never replaced: choose another place, and for another channel another folder of keys"
        }
        ("channel publish", "E-NO-SIGNATURE") => {
            "sign and push the model first: lacre sign MODEL --key KEY --name NAME --version VERSION, then lacre \
             push MODEL REF"
        }
        ("channel publish", "E-NAME-MISMATCH") => {
            "a channel lists one model: publish it in a channel of its own, or sign it under this name"
        }
        ("channel publish", "E-VERSION-MISMATCH") => "publish it under the version that was signed",
        ("channel publish", "E-CLAIMS-DIFFER") => "say whose signature counts: --key PUB",
        (verb, "E-NOT-FOUND" | "E-REFERENCE-NOT-FOUND")
            if verb.starts_with("channel ") && verb != "channel init" =>
        {
            return Some(format!(
                "check the place and the paths; lacre channel init {place} begins a channel"
            ));
        }
        (verb, "E-REPLAY" | "E-EQUIVOCATION") if PUBLISHING.contains(&verb) => {
            "nothing was changed: what lies there is not what was published last from DIR; look at who can write \
             there, and put the newest state back"
        }
        (verb, "E-TUF-SIGNATURE") if PUBLISHING.contains(&verb) => {
            "nothing was changed: what lies there was not signed by the roles that root.json leads to; put back a \
             good copy"
        }
        _ => return None,
    };
    Some(remedy.to_owned())
}

/// The verbs that build on what is published.
const PUBLISHING: [&str; 9] = [
    "channel publish",
    "channel promote",
    "channel rollback",
    "channel revoke",
    "channel reinstate",
    "channel floor",
    "channel sign",
    "channel refresh",
    "channel rotate",
];

/// A release that may not run, or a channel that is not believed.
fn decision(code: &str) -> Option<&'static str> {
    Some(match code {
        "E-ATTESTATION-MISSING" => {
            "the policy demands an attestation that the release lacks: attach it with lacre attest, then publish the \
             release again"
        }
        "E-CHANNEL-DOCUMENT" | "E-CHANNEL-EDIT" => {
            "what the channel says breaks its own rules: do not use it, and ask who publishes it"
        }
        "E-CHANNEL-EPOCH" => {
            "the document is of another epoch than the root that vouches for it: do not use it, and ask its publisher"
        }
        "E-CHANNEL-STALE" => {
            "what is known is too old for the policy: run it again where the place of the channel can be reached"
        }
        "E-CHANNEL-EXPIRED" => {
            "look at this machine's clock; else nobody renewed the channel: its publisher types lacre channel \
             refresh CH --keys DIR, with --document when the document itself has expired"
        }
        "E-CLOCK" => {
            "set this machine's clock: it is behind what was seen before, so that nothing can be said to be fresh"
        }
        "E-EQUIVOCATION" => {
            "two channels claim to be one: do not use either, keep both, and ask the publisher on another way"
        }
        "E-FLOOR" => {
            "the release is below the floor and will not run again: pull the current one, org/name@CHANNEL"
        }
        "E-FLOOR-LOWERED" => {
            "a floor only rises within an epoch: do not use it, and ask the publisher whether a key was stolen"
        }
        "E-QUARANTINED" => {
            "it is being examined: lacre channel status CH shows what may run meanwhile, and lacre channel enforce \
             DIR puts it there"
        }
        "E-RELEASE-UNKNOWN" => "lacre channel status CH shows the releases that the channel lists",
        "E-RELEASE-MISMATCH" => {
            "what is stored there is not the release that the channel lists: do not use it, and ask who can write there"
        }
        "E-REPLAY" => {
            "somebody offers an older state than was seen before: try another network, and ask who runs the place of \
             the channel"
        }
        "E-REVOKED" => {
            "do not run it: lacre channel status CH says why, and lacre channel enforce DIR puts an allowed release \
             in its place"
        }
        "E-ROLLBACK" => {
            "pull the current release; going back is allowed by the publisher: lacre channel rollback CH VERSION \
             --until DATE --reason TEXT"
        }
        "E-TUF-EXPIRED" => {
            "look at this machine's clock; else nobody renewed the channel, or somebody holds newer metadata back: \
             its publisher types lacre channel refresh CH --keys DIR"
        }
        "E-TUF-SIGNATURE" => {
            "the channel is not signed by those who speak for it: do not use it, try another network, and ask its \
             publisher"
        }
        "E-TUF-KEYS" | "E-TUF-METADATA" | "E-TUF-MISMATCH" | "E-TUF-MISSING" => {
            "the channel's files are damaged, incomplete or forged: fetch them again; if that does not help, ask who \
             runs the place"
        }
        "E-TUF-ORDER" => {
            "this is a fault of lacre, not yours: please report it with the command line and this message"
        }
        _ => return None,
    })
}

/// What a client remembers.
fn state(code: &str) -> Option<&'static str> {
    Some(match code {
        "E-COMMIT" => "commit says that a version ran well here: pull or verify it with --channel CH first",
        "E-STATE-BACKWARDS" => {
            "nothing was changed: what was seen and committed is never taken back; if an older folder was put back, \
             put the newest one in its place, or move it away, trust the channel again and import an exported state"
        }
        "E-STATE-BUSY" => "others use the same state at this moment: run it again",
        "E-STATE-COUNTER" => {
            "a state that is bound to a TPM needs a lacre that was built with it, and LACRE_TPM or --tpm TCTI; one that \
             is not bound needs neither: if it was bound before, somebody put another one in its place"
        }
        "E-STATE-EXISTS" => {
            "it is trusted already, and nothing was changed; another --state DIR holds another trust"
        }
        "E-STATE-IO" => {
            "check the state folder, its permissions and its disk; nothing is accepted without it"
        }
        "E-STATE-MISSING" => {
            "first of all: lacre channel trust CH --channel-root root.json; if there was a state and it was lost: \
             lacre channel state import CH FILE --key PUB after it"
        }
        "E-STATE-OTHER" => "the folder remembers another channel: give this one a --state DIR of its own",
        "E-STATE-READ-ONLY" => {
            "the state is to be written: mount it writable here, or only verify, with what is known"
        }
        "E-STATE-SCHEMA" => "a newer lacre wrote this state: use that version",
        "E-STATE-TORN" => {
            "it is damaged, and nothing is guessed: move the folder away, lacre channel trust CH --channel-root \
             root.json, and lacre channel state import CH FILE --key PUB if there is an export"
        }
        _ => return None,
    })
}

/// An edit that was not made.
fn edit(code: &str, Subject { model: place, .. }: &Subject) -> Option<String> {
    Some(match code {
        "E-CHANNEL-FILE" | "E-CHANNEL-METADATA" => {
            "nothing was changed: what lies there is not what the roles signed; put back a good copy, and look at \
             who can write there"
                .to_owned()
        }
        "E-CHANNEL-NAME" => {
            "a channel is org/name@stable: letters, digits, '.', '_' and '-'; a version may have '+' besides".to_owned()
        }
        "E-CHANNEL-SPENT" => {
            format!("lacre channel rotate {place} --new-epoch --floor N --keys DIR begins anew, with the keys of root")
        }
        "E-CONFLICT" => format!("lacre channel log {place} shows what the other one did; then run it again"),
        "E-DRAFT" => {
            "what waits for signatures is no draft of this channel: do not sign it, and make the edit again with \
             --force".to_owned()
        }
        "E-DRAFT-PENDING" => format!("whoever has one of these keys: lacre channel sign {place} --keys DIR"),
        "E-DRAFT-STALE" => "make the edit again: what was to be signed does not fit what is published now".to_owned(),
        "E-EDIT-FLOOR" => {
            "a floor rises to at most the counter of the current release: publish or promote that one first".to_owned()
        }
        "E-EDIT-LISTED" => {
            format!("a version is published once: give the new one another name, or lacre channel promote {place} \
             VERSION --keys DIR")
        }
        "E-EDIT-NOTHING" | "E-EDIT-STATUS" | "E-EDIT-UNLISTED" => {
            format!("lacre channel status {place} shows what the channel says now")
        }
        "E-EDIT-ORDER" => {
            format!("lacre channel rollback {place} VERSION --until DATE --reason TEXT --keys DIR")
        }
        "E-EDIT-VALUE" => "give another value; lacre help channel VERB has the bounds".to_owned(),
        "E-EPOCH-KEYS" => {
            "a new epoch is for keys that were stolen: leave --key out, and new ones are made".to_owned()
        }
        "E-LIFETIME" => "a lifetime is a whole number with its unit: 10m, 24h, 90d".to_owned(),
        "E-ROLE-ALGORITHM" => "lacre key new NAME --algorithm ed25519 makes a key that can have a role".to_owned(),
        "E-ROLE-KEY" => {
            format!("lacre channel status {place} -v names the keys of the roles; new ones come in by lacre channel \
             rotate")
        }
        "E-ROLE-THRESHOLD" => "for example --threshold root=2/3,targets=2/3: two of three keys have to sign".to_owned(),
        _ => return None,
    })
}
