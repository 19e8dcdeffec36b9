//! What to do about a policy that does not load, and about a model that it refuses.

use super::Subject;

pub(super) fn remedy(code: &str, Subject { model, .. }: &Subject) -> Option<String> {
    Some(match code {
        "E-POLICY-FILE" => {
            "nothing was decided: mend the policy, and look with `lacre policy check FILE`; \
             `lacre policy schema` says what it may hold"
                .to_owned()
        }
        "E-POLICY-CASE" => {
            "no case was tried: mend it, so that what it expects is plain; `lacre policy test --help` says what it may hold"
                .to_owned()
        }
        "E-POLICY-TEST" => {
            "the policy says something else than is expected: `lacre policy explain FILE MODEL` says why; mend the policy, or \
             the case"
                .to_owned()
        }
        "E-POLICY-NO-MATCH" => {
            "what no rule is about is refused: add a rule for it, after you know that it should run; \
             `lacre policy explain FILE MODEL` says which rule is about what"
                .to_owned()
        }
        "E-POLICY-AGE" | "E-POLICY-STALE" => {
            "it may have been kept from you that there is something newer: fetch it again, or ask who publishes it \
             to sign anew"
                .to_owned()
        }
        "E-POLICY-ATTESTATION" => {
            format!("`lacre tree {model}` shows what is attached in a store, and by whom it is signed; ask who should attest it")
        }
        "E-POLICY-CHANNEL" => "ask the channel, too: --channel CH".to_owned(),
        "E-POLICY-EXPRESSION" | "E-POLICY-EVALUATION" => {
            "`lacre inspect` shows what an attestation says; the policy says what it must: one of them is to be changed"
                .to_owned()
        }
        "E-POLICY-OTHER" => {
            "the judgement is about something else than what was to be loaded: judge this model anew".to_owned()
        }
        "E-POLICY-FORMAT" => {
            "weights that can hold code are refused: ask for them as safetensors; files that are known to be harmless \
             go into other-files"
                .to_owned()
        }
        "E-POLICY-DEPRECATED" | "E-POLICY-PIN" | "E-POLICY-ROLLBACK" => {
            "the channel lets it run, and your policy does not: pull the version that it wants".to_owned()
        }
        "E-POLICY-DIGEST" | "E-POLICY-KEY-ALGORITHM" | "E-POLICY-TIMESTAMP" | "E-POLICY-TRANSPARENCY" => {
            "ask its signer to sign it again in the way that the policy wants".to_owned()
        }
        _ => return None,
    })
}
