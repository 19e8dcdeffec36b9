//! `cargo xtask bench keyless`: what it costs to verify a signature of Sigstore, beside its other verifiers, and what it
//! costs to refuse a bundle that was made to be costly.

mod hostile;
mod report;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::contest::{self, Costs, Entry, Task};
use super::document::{self, Part};
use super::{Extent, build, measure, rivals};
use crate::cache::{self, Cache};
use crate::failure::{Context, Failure, Outcome};
use crate::process::Program;
use crate::{debian, peers, python, say, system};

use report::Figures;

/// Who signs.
const WHO: &str = "release@example.test";

/// A benchmark's extent.
pub(crate) struct Plan {
    /// Runs of each measured command; the median counts.
    runs: usize,
    /// Runs of Lacre in a row, whose processor time is divided by their number.
    many: usize,
    extent: Extent,
}

pub(crate) const FULL: Plan = Plan { runs: 15, many: 500, extent: Extent::Full };
pub(crate) const QUICK: Plan = Plan { runs: 3, many: 50, extent: Extent::Quick };

/// What is at hand.
struct Stand {
    lacre: PathBuf,
    scratch: PathBuf,
    model: PathBuf,
    signature: PathBuf,
    /// Made by `local_sigstore`.
    sigstore: PathBuf,
    issuer: String,
}

/// Measures, prints the figures, and writes them down when they are the full ones.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let cache = Cache::open()?;
    system::ensure(system::FOR_BENCH)?;
    let peers = peers::ensure(&cache)?;
    let _alone = cache.hold("bench")?;
    let checkout = cache::checkout()?;
    let scratch = cache.folder("bench")?.join("scratch");
    cache::empty(&scratch)?;
    let lacre = build(&checkout)?;
    let stand = Stand::sign(&checkout, &peers, lacre, scratch)?;
    let model_signing = python::model_signing(&peers);
    let cosign = debian::program(&peers, "cosign");
    let entries = [
        stand.verify(),
        Entry { task: Task::PeerKeylessVerify, words: stand.model_signing(&model_signing), makes: None },
        Entry { task: Task::CosignVerify, words: stand.cosign(&cosign)?, makes: None },
    ];
    let run = |entry: &Entry| measure::cost_of_a_short_one(&stand.scratch, &entry.words);
    let costs: Costs = contest::rounds("verifying a keyless bundle", plan.runs, &entries, run, || Ok(()))?;
    say::note("measuring the processor time of many runs, and of many verifications in one process");
    let figures = Figures {
        plan,
        costs,
        each: stand.each(&stand.verify().words, plan.many)?,
        start: stand.each(&[stand.lacre.clone().into(), "--version".into()], plan.many)?,
        inside: stand.inside(&checkout)?,
        hostile: hostile::rows(&stand, plan.runs)?,
        versions: versions(&stand.lacre, &model_signing, &peers)?,
    };
    let text = report::part(&figures)?;
    say::out(&text);
    if plan.extent == Extent::Full {
        document::write(&checkout, Part::Keyless, &text)?;
    }
    cache::remove(&stand.scratch)
}

/// Microseconds of processor time inside of one process.
pub(super) struct Inside {
    pub(super) root: f64,
    pub(super) bundle: f64,
}

impl Stand {
    /// Makes a small model and signs it by a Sigstore on this machine, which is gone afterwards: what follows is offline.
    fn sign(checkout: &Path, peers: &Path, lacre: PathBuf, scratch: PathBuf) -> Outcome<Self> {
        let (model, sigstore) = (scratch.join("model"), scratch.join("sigstore"));
        fs::create_dir_all(&model).during(|| format!("cannot make {}", model.display()))?;
        for (name, text) in [("config.json", "{\"hidden\":384}"), ("vocab.txt", "one\ntwo\n")] {
            fs::write(model.join(name), text).during(|| format!("cannot write {name}"))?;
        }
        let signature = model.join("model.sig");
        say::note("signing with a Sigstore on this machine");
        Program::cargo()
            .dir(checkout)
            .env("LACRE_PEERS", peers)
            .args([
                "run",
                "--quiet",
                "--locked",
                "--package",
                "lacre-testkit",
                "--example",
                "local_sigstore",
                "--",
            ])
            .arg(&sigstore)
            .arg(WHO)
            .arg(&lacre)
            .arg("sign")
            .arg(&model)
            .args(["--name", "org/mini-lm", "--keyless", "--publish-identity", "--identity-token-file"])
            .arg(sigstore.join("token"))
            .arg("--trust-config")
            .arg(sigstore.join("trust_config.json"))
            .read()?;
        let issuer = sigstore.join("issuer");
        let issuer = fs::read_to_string(&issuer).during(|| format!("cannot read {}", issuer.display()))?;
        Ok(Self { lacre, scratch, model, signature, sigstore, issuer })
    }

    fn verify(&self) -> Entry {
        Entry { task: Task::KeylessVerify, words: self.verify_by(&self.signature), makes: None }
    }

    /// Lacre verifies the model with the bundle at `signature`.
    fn verify_by(&self, signature: &Path) -> Vec<OsString> {
        let mut words: Vec<OsString> =
            vec![self.lacre.clone().into(), "verify".into(), self.model.clone().into()];
        words.extend(["--signature".into(), signature.into()]);
        words.extend(["--identity", WHO, "--issuer", &self.issuer, "--trusted-root"].map(OsString::from));
        words.push(self.sigstore.join("trusted_root.json").into());
        words
    }

    fn model_signing(&self, program: &Path) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec![program.into(), "verify".into(), "sigstore".into()];
        words.extend(["--signature".into(), self.signature.clone().into()]);
        words.extend(["--trust_config".into(), self.sigstore.join("trust_config.json").into()]);
        words.extend(["--identity", WHO, "--identity_provider", &self.issuer].map(OsString::from));
        words.push(self.model.clone().into());
        words
    }

    fn cosign(&self, program: &Path) -> Outcome<Vec<OsString>> {
        let told = Program::new(&self.lacre).args(["inspect", "--json"]).arg(&self.signature).read()?;
        let digest = subject_in(&told).ok_or_else(|| Failure::new(format!("no subject in {told}")))?;
        let mut words: Vec<OsString> = vec![program.into(), "verify-blob-attestation".into()];
        words.extend(["--bundle".into(), self.signature.clone().into()]);
        words.extend(["--trusted-root".into(), self.sigstore.join("trusted_root.json").into()]);
        words.extend(
            ["--type", "https://model_signing/signature/v1.0", "--digest", &digest].map(OsString::from),
        );
        words.extend(["--digestAlg", "sha256", "--certificate-identity", WHO].map(OsString::from));
        words.extend(["--certificate-oidc-issuer", &self.issuer].map(OsString::from));
        Ok(words)
    }

    /// Seconds of processor time of one run, from `many` in a row: the kernel tells hundredths of seconds only.
    fn each(&self, words: &[OsString], many: usize) -> Outcome<f64> {
        let repeat =
            format!("n=0; while [ $n -lt {many} ]; do \"$@\" >/dev/null || exit 1; n=$((n+1)); done");
        let mut all: Vec<OsString> = ["sh", "-c", &repeat, "sh"].map(OsString::from).into();
        all.extend_from_slice(words);
        let sample = measure::cost(&self.scratch, &all)?;
        #[expect(clippy::cast_precision_loss, reason = "hundreds")]
        Ok(sample.cpu / many as f64)
    }

    fn inside(&self, checkout: &Path) -> Outcome<Inside> {
        let told = Program::cargo()
            .dir(checkout)
            .args(["run", "--quiet", "--release", "--locked", "--package", "lacre-verify"])
            .args(["--features", "sigstore", "--example", "keyless_cost", "--"])
            .arg(&self.signature)
            .arg(self.sigstore.join("trusted_root.json"))
            .args([WHO, &self.issuer])
            .read()?;
        let value: serde_json::Value =
            serde_json::from_str(&told).during(|| format!("cannot read `{told}`"))?;
        let number =
            |name: &str| value[name].as_f64().ok_or_else(|| Failure::new(format!("no {name} in `{told}`")));
        Ok(Inside { root: number("root_microseconds")?, bundle: number("bundle_microseconds")? })
    }
}

/// The programs that took part, as they name themselves; cosign's own name for itself is `devel`.
fn versions(lacre: &Path, model_signing: &Path, peers: &Path) -> Outcome<Vec<String>> {
    let mut versions = debian::versions(peers)?;
    versions.retain(|line| line.starts_with("cosign "));
    for program in [lacre, Path::new("rustc"), model_signing] {
        versions.push(rivals::version(program)?);
    }
    Ok(versions)
}

/// The digest of the subject, as `inspect --json` tells it.
fn subject_in(told: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(told).ok()?;
    value.pointer("/result/claims/model/root")?.as_str().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_is_the_root_of_the_claim() {
        let told = r#"{"ok":true,"result":{"claims":{"model":{"name":"a","root":"61d4"}}}}"#;
        assert_eq!(subject_in(told).as_deref(), Some("61d4"));
        assert_eq!(subject_in(r#"{"ok":false,"result":null}"#), None);
    }
}
