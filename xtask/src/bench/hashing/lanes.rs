//! What one core hashes, without files: the example `throughput` of `lacre-hash`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cache;
use crate::failure::{Context, Failure, Outcome};
use crate::process::Program;
use crate::say;

/// What the example tells.
#[derive(Debug)]
pub(super) struct Lanes {
    /// The messages with which the machine is at its quickest.
    pub(super) wanted: u64,
    pub(super) ways: Vec<Way>,
}

/// One way of hashing.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) name: String,
    /// Messages advanced together.
    pub(super) messages: u64,
    pub(super) kernel: String,
    /// 10⁹ bytes for each second of one thread's processor time.
    pub(super) rate: f64,
}

impl Lanes {
    /// The rate of one way.
    pub(super) fn rate(&self, name: &str, messages: u64) -> Outcome<f64> {
        self.ways
            .iter()
            .find_map(|way| (way.name == name && way.messages == messages).then_some(way.rate))
            .ok_or_else(|| {
                Failure::new(format!("`throughput` tells nothing of {name} with {messages} messages"))
            })
    }
}

/// Builds the example as the program is released.
pub(super) fn build(checkout: &Path) -> Outcome<PathBuf> {
    let folder = cache::build_folder()?;
    say::note("building the example throughput (release)");
    Program::cargo()
        .dir(checkout)
        .env("CARGO_TARGET_DIR", &folder)
        .args(["build", "--quiet", "--release", "--locked", "--package", "lacre-hash"])
        .args(["--example", "throughput"])
        .run()?;
    Ok(folder.join("release/examples/throughput"))
}

/// Runs the example.
pub(super) fn measure(example: &Path) -> Outcome<Lanes> {
    say::note("measuring one core");
    let text = Program::new(example).read()?;
    let told: Value =
        serde_json::from_str(&text).during(|| "cannot read what `throughput` says".to_owned())?;
    told_by(&told).ok_or_else(|| Failure::new(format!("`throughput` said what nobody asked for: {text}")))
}

fn told_by(told: &Value) -> Option<Lanes> {
    let way = |way: &Value| -> Option<Way> {
        Some(Way {
            name: way["name"].as_str()?.to_owned(),
            messages: way["messages"].as_u64()?,
            kernel: way["kernel"].as_str()?.to_owned(),
            rate: way["gb_per_cpu_second"].as_f64()?,
        })
    };
    let ways = told["ways"].as_array()?.iter().map(way).collect::<Option<_>>()?;
    Some(Lanes { wanted: told["messages_wanted"].as_u64()?, ways })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_example_says_is_read() {
        let text = r#"{"messages_wanted":16,"ways":[
            {"name":"sha2","messages":1,"kernel":"sha2","gb_per_cpu_second":1.75},
            {"name":"update_each","messages":4,"kernel":"x4","gb_per_cpu_second":3.5}]}"#;
        let lanes = told_by(&serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(lanes.wanted, 16);
        assert!((lanes.rate("update_each", 4).unwrap() - 3.5).abs() < f64::EPSILON);
        assert!(lanes.rate("update_each", 8).is_err());
        assert!(told_by(&serde_json::from_str(&text.replace("1.75", "\"fast\"")).unwrap()).is_none());
    }
}
