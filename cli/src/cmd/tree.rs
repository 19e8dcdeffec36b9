//! `lacre tree`: what hangs on an artifact, and what of it is verified.

use clap::Args;
use lacre_deliver::{Branch, Node, NodeKind, Said, SignedBy, Standing, Tree};
use lacre_registry_client::{Descriptor, Discovery, Reference};
use serde_json::{Value, json};

use super::demands::Demands;
use super::verify::{signer_words, time_words};
use crate::claims::{claimant_words, material_json};
use crate::error::CliError;
use crate::keys::KeyRing;
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::text;

/// When a manifest was made, as it says itself (image specification 1.1, `annotations.md`).
const CREATED: &str = "org.opencontainers.image.created";

/// Show what refers to an artifact (signatures, attestations, …), and to that
///
/// It decides nothing: use pull or verify for that. Without --key, --trust, --ca or --issuer nothing is verified.
#[derive(Debug, Args)]
#[command(override_usage = "lacre tree [OPTIONS] [--key|--trust|--ca|--issuer ...] <REF>")]
#[command(after_help = "\
Examples:
  lacre tree registry.example.com/org/mini-lm:v1 --key release.pub
  lacre tree oci:store:v1 --json")]
pub(crate) struct TreeArgs {
    /// Of what: oci:DIR or HOST/REPO, with :TAG or @sha256:DIGEST
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
    #[command(flatten)]
    demands: Demands,
    #[command(flatten)]
    registry: RegistryArgs,
}

pub(crate) fn run(args: &TreeArgs, session: &Session) -> Result<Done, CliError> {
    let demanded = args.demands.read_any(session)?;
    let reference = Reference::parse(&args.reference)?;
    let store = args.registry.open(&reference, session)?;
    let tree = {
        let meter = session.meter("looking");
        let requirements = demanded.as_ref().map(|(requirements, _)| requirements);
        lacre_deliver::tree(store.as_ref(), reference.target(), requirements, &session.limits(), &meter)?
    };
    if tree.is_cut {
        session.warn("there is more than is shown: only a part of it was looked at");
    }
    let ring = demanded.map(|(_, ring)| ring);
    let ring = ring.as_ref();
    let mut result = json!({
        "about": tree.about.iter().map(|edge| {
            json!({ "artifact_type": edge.artifact_type, "digest": format!("sha256:{}", edge.manifest) })
        }).collect::<Vec<_>>(),
        "artifact_type": tree.manifest.artifact_type,
        "is_cut": tree.is_cut,
        "manifest": format!("sha256:{}", tree.manifest.digest),
        "reference": reference.to_string(),
        "signers": null,
    });
    mark_json(&mut result, &tree.standing);
    branch_json(&mut result, &tree.referrers, ring);
    if let Standing::Verified(signers) = &tree.standing {
        result["signers"] = json!(signers);
    }
    Ok(Done::new(result, lines(&reference, &tree, ring)))
}

fn lines(reference: &Reference, tree: &Tree, ring: Option<&KeyRing>) -> Vec<Line> {
    let mut lines = vec![Line::new(Tone::Strong, reference.to_string())];
    lines
        .push(marked(format!("sha256:{} {}", tree.manifest.digest, kind_of(&tree.manifest)), &tree.standing));
    lines.extend(reason_line("  ", &tree.standing));
    for edge in &tree.about {
        let kind = edge.artifact_type.as_deref().unwrap_or("which is not there");
        lines.push(Line::plain(format!("  refers to sha256:{} {kind}", edge.manifest)));
    }
    branch_lines("", &tree.referrers, ring, &mut lines);
    lines
}

/// A line with its mark: each has one, so that no part of the output can be cut out and believed.
fn marked<T>(text: String, standing: &Standing<T>) -> Line {
    let line = Line::plain(text).then(Tone::Plain, "  ");
    match standing {
        Standing::Verified(_) => line.then(Tone::Good, "verified"),
        Standing::Unverified(reason) => {
            line.then(Tone::Caution, "UNVERIFIED").then(Tone::Plain, format!(" ({})", reason.code()))
        }
    }
}

/// Why something was refused.
fn reason_line<T>(indent: &str, standing: &Standing<T>) -> Option<Line> {
    match standing {
        Standing::Unverified(lacre_deliver::Reason::Refused { message, .. }) => {
            Some(Line::plain(format!("{indent}refused    {message}")))
        }
        _ => None,
    }
}

fn kind_of(manifest: &Descriptor) -> &str {
    manifest.artifact_type.as_deref().unwrap_or("of no stated type")
}

fn branch_lines(indent: &str, branch: &Branch, ring: Option<&KeyRing>, lines: &mut Vec<Line>) {
    let last = branch.nodes.len().saturating_sub(1);
    for (index, node) in branch.nodes.iter().enumerate() {
        let (corner, beneath) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let what = match &node.kind {
            NodeKind::Bundle(Some(said)) => format!("statement {}", said.predicate_type),
            NodeKind::Bundle(None) => "statement that cannot be read".to_owned(),
            NodeKind::ChunkLists => "chunk lists".to_owned(),
            _ => kind_of(&node.manifest).to_owned(),
        };
        let digest = node.manifest.digest;
        lines.push(marked(format!("{indent}{corner}sha256:{digest} {what}"), &node.standing));
        let indent = format!("{indent}{beneath}");
        for (label, value) in rows(node, ring) {
            lines.push(Line::plain(format!("{indent}  {label:<10} {value}")));
        }
        lines.extend(reason_line(&format!("{indent}  "), &node.standing));
        // What cannot be told about a leaf is told at the root, once.
        if !node.referrers.nodes.is_empty() || node.referrers.by.is_none() {
            branch_lines(&indent, &node.referrers, ring, lines);
        }
    }
    if branch.nodes.is_empty() {
        lines.push(Line::plain(format!("{indent}└─ {}", nothing(branch.by))));
    }
}

/// Why nothing stands here: that nobody refers to it is one thing, that the store cannot tell is another.
fn nothing(by: Option<Discovery>) -> &'static str {
    match by {
        Some(Discovery::Unsupported) => {
            "unsupported: the registry has no referrers API, and nothing stands under the fallback tag"
        }
        Some(_) => "none: nothing refers to it here",
        None => "not looked at",
    }
}

fn rows(node: &Node, ring: Option<&KeyRing>) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    let said = match &node.kind {
        NodeKind::Bundle(Some(said)) => Some(said),
        _ => None,
    };
    if let Some(said) = said {
        rows.extend(said.subjects.iter().filter(|name| !name.is_empty()).map(|name| ("about", name.clone())));
    }
    if let Some(said) = said.filter(|said| said.more_subjects > 0) {
        rows.push(("about", format!("and {} more", said.more_subjects)));
    }
    let created = node.manifest.annotations.get(CREATED);
    match (&node.standing, said) {
        (Standing::Verified(signed), _) => {
            let SignedBy { signer, signed_at } = &**signed;
            rows.push(("signed by", ring.map_or_else(String::new, |ring| signer_words(signer, ring))));
            rows.push(("signed at", time_words(signed_at)));
        }
        (Standing::Unverified(_), Some(said)) => {
            rows.push(("signed by", format!("{} (claimed)", claimant_words(&said.material))));
        }
        (Standing::Unverified(_), None) => {}
    }
    rows.extend(created.map(|time| ("created", format!("{time} (claimed)"))));
    rows
}

fn mark_json<T>(value: &mut Value, standing: &Standing<T>) {
    value["verified"] = json!(matches!(standing, Standing::Verified(_)));
    value["reason"] = match standing {
        Standing::Verified(_) => Value::Null,
        Standing::Unverified(reason) => {
            let message = match reason {
                lacre_deliver::Reason::Refused { message, .. } => Some(message),
                _ => None,
            };
            json!({ "code": reason.code(), "message": message })
        }
    };
}

fn branch_json(value: &mut Value, branch: &Branch, ring: Option<&KeyRing>) {
    value["referrers"] = branch.nodes.iter().map(|node| node_json(node, ring)).collect();
    value["referrers_by"] = json!(branch.by.map(|by| match by {
        Discovery::Api => "api",
        Discovery::FallbackTag => "fallback-tag",
        Discovery::Index => "index",
        Discovery::Unsupported => "unsupported",
        _ => "unknown",
    }));
}

fn node_json(node: &Node, ring: Option<&KeyRing>) -> Value {
    let (kind, said) = match &node.kind {
        NodeKind::Bundle(said) => ("statement", said.as_ref()),
        NodeKind::ChunkLists => ("chunk-lists", None),
        _ => ("unknown", None),
    };
    let signed = match &node.standing {
        Standing::Verified(signed) => Some(signed),
        Standing::Unverified(_) => None,
    };
    let file = signed.and_then(|signed| ring?.file_of(signed.signer.key()));
    let mut value = json!({
        "artifact_type": node.manifest.artifact_type,
        "claimed": said.map(claimed_json),
        "created_claimed": node.manifest.annotations.get(CREATED),
        "digest": format!("sha256:{}", node.manifest.digest),
        "key_file": file.map(text::path),
        "kind": kind,
        "signed_at": signed.map(|signed| &signed.signed_at),
        "signer": signed.map(|signed| &signed.signer),
    });
    mark_json(&mut value, &node.standing);
    branch_json(&mut value, &node.referrers, ring);
    value
}

fn claimed_json(said: &Said) -> Value {
    json!({
        "claimant": claimant_words(&said.material),
        "material": material_json(&said.material),
        "more_subjects": said.more_subjects,
        "predicate_type": said.predicate_type,
        "subjects": said.subjects,
    })
}
