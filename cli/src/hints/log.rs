//! What to do about a log of decisions, or about who wants to hear of them.

use super::Subject;

pub(super) fn remedy(code: &str, Subject { verb, model }: &Subject) -> Option<String> {
    let remedy = match code {
        "E-EVENT" => {
            "is the receiver up, and its name right? nothing is to be used before its decision was told; the decision log has it"
        }
        "E-LOG-CHAIN" | "E-LOG-REWRITTEN" => {
            "somebody changed the log: keep it as it is, and compare it with a copy that lay elsewhere"
        }
        "E-LOG-LINE" => {
            "either this is no log of decisions, or somebody changed it: nothing is appended to it"
        }
        "E-LOG-MISSING" => {
            "put the older files back beside it; what was put away for good is left out with --allow-archived"
        }
        "E-LOG-OTHER" => {
            "the checkpoint of this log is wanted; if it is this one, the log was replaced: ask who can write there"
        }
        "E-LOG-TORN" => {
            let log = if verb.starts_with("log ") { model } else { "FILE" };
            return Some(format!(
                "whoever wrote it last was killed, or somebody cut it off: lacre log repair {log} records that and goes on"
            ));
        }
        "E-LOG-TRUNCATED" => {
            "lines are missing that were there: keep it as it is, and look for a copy that lay elsewhere"
        }
        "E-LOG-WRITE" => {
            "nothing is to be used before its decision is recorded: check the folder, its permissions and its disk"
        }
        _ => return None,
    };
    Some(remedy.to_owned())
}
