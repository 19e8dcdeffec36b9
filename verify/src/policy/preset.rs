//! Policies to begin from.

use std::fmt::Write as _;

use lacre_attest::PublicKey;

/// A policy to begin from. What they differ in:
///
/// | | strict | team | air-gapped | audit |
/// |---|---|---|---|---|
/// | mode | enforce | enforce; who else signed is refused | enforce | audit |
/// | signers | every key | one of them | one of them | one of them |
/// | unsigned files, modes | refused | told | refused | told |
/// | weights | safetensors | safetensors, GGUF | safetensors, GGUF | safetensors |
/// | digests | BLAKE3 or SHA-256 | any | BLAKE3 or SHA-256 | BLAKE3 or SHA-256 |
/// | age of the signature | – | – | –: nothing online proves a time | – |
///
/// None of them demands logs, timestamps or channels: which are believed, nobody can know in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Every key must have signed, and nothing else may be there.
    Strict,
    /// Any of the keys, and weights without code.
    Team,
    /// The same as strict with one signer, and nothing that needs a network.
    AirGapped,
    /// Nothing is refused but signatures and content: to see what strict would do.
    Audit,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Strict, Self::Team, Self::AirGapped, Self::Audit];

    /// How it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Team => "team",
            Self::AirGapped => "air-gapped",
            Self::Audit => "audit",
        }
    }

    /// A policy in TOML that trusts these keys, with the rules in words. Without keys there is nothing to trust, and it does not
    /// load.
    pub fn text(self, keys: &[PublicKey]) -> String {
        let mut text = format!("# {}\nversion = 1\n\n[[policy]]\nname = \"{}\"\n", self.about(), self.name());
        text.push_str(self.demands());
        text.push_str("\n[policy.trust]\n");
        let signers = match self {
            Self::Strict => keys.len().max(1),
            Self::Team | Self::AirGapped | Self::Audit => 1,
        };
        let _ = writeln!(
            text,
            "# So many distinct signers are wanted: of this, nothing is ever waived.\nsigners = {signers}"
        );
        for key in keys {
            let _ = write!(text, "\n[[policy.trust.key]]\npublic-key = '''\n{}'''\n", key.to_pem());
        }
        text
    }

    fn about(self) -> &'static str {
        match self {
            Self::Strict => {
                "Only models that every key signed, without anything unsigned, and weights that hold no code."
            }
            Self::Team => "Models that any of the keys signed, and weights that hold no code.",
            Self::AirGapped => "Models that any of the keys signed, for places without a network.",
            Self::Audit => {
                "Models that any of the keys signed are let through; what strict rules would refuse is recorded."
            }
        }
    }

    fn demands(self) -> &'static str {
        match self {
            Self::Strict => STRICT,
            Self::Team => TEAM,
            Self::AirGapped => AIR_GAPPED,
            Self::Audit => AUDIT,
        }
    }
}

const STRICT: &str = r#"# What is not met is refused.
mode = "enforce"
# Nothing unsigned may be there, and executable bits and empty folders are as signed.
strict = true
# Weights are safetensors; everything else must be a text. Name harmless files: other-files = ["assets/*.png"]
formats = ["safetensors"]
digests = ["blake3", "sha256"]
# Name the models that you know: model = ["org/*"]
"#;

const TEAM: &str = r#"# What is not met is refused. To see first what would be: "warn".
mode = "enforce"
# Weights that hold no code; everything else must be a text. Name harmless files: other-files = ["assets/*.png"]
formats = ["safetensors", "gguf"]
# Name the models that you know: model = ["org/*"]
"#;

const AIR_GAPPED: &str = r#"mode = "enforce"
strict = true
formats = ["safetensors", "gguf"]
digests = ["blake3", "sha256"]
# Logs and timestamps are asked for by nobody here. If channels are carried in, say how old one may be:
# [policy.release]
# channel = "stable"
# max-staleness = "30d"
"#;

const AUDIT: &str = r#"# Nothing of this rule is refused; it is recorded. Change it to "warn", and then to "enforce".
mode = "audit"
formats = ["safetensors"]
digests = ["blake3", "sha256"]
"#;
