//! Policies on the command line: what is let through, what is refused and by which code, and what is said of it.

mod cases;
mod checking;
mod explaining;
mod records;
mod refusals;
mod starting;

use serde_json::Value;

use crate::bench::Bench;

/// The smallest safetensors: a header without tensors.
const WEIGHTS: &[u8] = b"\x08\0\0\0\0\0\0\0{}      ";

/// A bench with the signed model `org/mini-lm` 1.0.0 in `MODEL`, and in `oci:store:v1`.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.key("k");
    bench.write("MODEL/config.json", b"{\"hidden\": 384}");
    bench.write("MODEL/model.safetensors", WEIGHTS);
    bench.good("sign MODEL --key k.key --name org/mini-lm --version 1.0.0");
    bench.good("push MODEL oci:store:v1");
    bench
}

/// The same, with a pickle in the model.
fn with_pickle() -> Bench {
    let bench = bench();
    bench.write("MODEL/model.bin", b"\x80\x04cos\nsystem\n.");
    bench.good("sign MODEL --key k.key --name org/mini-lm --version 1.0.0 --force");
    bench.good("push MODEL oci:store:v1 --force");
    bench
}

/// Writes a policy of one rule that trusts `k.pub`.
fn policy(bench: &Bench, file: &str, rule: &str) {
    let text = format!(
        "version = 1\n[[policy]]\nname = \"only\"\n{rule}\n[[policy.trust.key]]\npublic-key = \"k.pub\"\n"
    );
    bench.write(file, text.as_bytes());
}

/// The result of what must succeed.
fn result(bench: &Bench, line: &str) -> Value {
    bench.good(&format!("{line} --json")).json()["result"].take()
}
