//! A policy that comes over a channel: signed like a model, and rolled back by nobody.
//!
//! ```text
//! NAME@CHANNEL, CH ─► Follower (what is remembered, floors, revocation) ─► Permit ─► artifact ─ its signature ─► proven bytes ─► Policy
//! ```

use std::path::{Path, PathBuf};

use clap::Args;
use lacre_deliver::Overwrite;
use lacre_manifest::Manifest;
use lacre_registry_client::Reference;
use lacre_release::Wanted;
use lacre_verify::{NoProgress, Policy, PolicyFault, Requirements, Trust, VerifyError};
use serde_json::Value;

use super::asked::Following;
use crate::error::CliError;
use crate::follow::{DemandArgs, Follower, permit_json, wanted};
use crate::keys::KeyRing;
use crate::session::Session;
use crate::{sigstore_trust, text};

const HEADING: &str = "Options of a policy in a channel";
/// All files of the artifact that a policy comes in, in bytes.
const LARGEST: u64 = 16 << 20;
/// The file that is the policy, where there is one of this name.
const FILE: &str = "policy.toml";

/// Where a policy is that comes over a channel, and who signs it.
#[derive(Debug, Args)]
pub(crate) struct CarriedArgs {
    /// Ask this channel for the policy: then --policy is its NAME@CHANNEL, or NAME@CHANNEL:VERSION
    #[arg(
        id = "policy_channel",
        long = "policy-channel",
        value_name = "CH",
        requires = "policy",
        hide_short_help = true,
        help_heading = HEADING
    )]
    channel: Option<String>,
    /// Who must have signed the policy of a channel (repeatable)
    #[arg(
        id = "policy_key",
        long = "policy-key",
        value_name = "PUB",
        requires = "policy_channel",
        hide_short_help = true,
        help_heading = HEADING
    )]
    key: Vec<PathBuf>,
    /// The same as a trust file
    #[arg(
        id = "policy_trust",
        long = "policy-trust",
        value_name = "FILE",
        requires = "policy_channel",
        hide_short_help = true,
        help_heading = HEADING
    )]
    trust: Option<PathBuf>,
    /// The repository of the policies, where it is neither the channel's nor the one that it names
    #[arg(
        id = "policy_from",
        long = "policy-from",
        value_name = "REF",
        requires = "policy_channel",
        hide_short_help = true,
        help_heading = HEADING
    )]
    from: Option<String>,
}

/// A policy that came, and what its channel says of it.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) name: String,
    pub(super) policy: Policy,
    pub(super) release: Value,
}

impl CarriedArgs {
    /// The channel to ask for the policy, if one is named.
    pub(crate) fn channel(&self) -> Option<&str> {
        self.channel.as_deref()
    }

    /// Brings the policy that `said` names from the channel at `place`.
    pub(super) fn fetch(
        &self,
        said: &str,
        place: &str,
        following: Following<'_>,
        session: &Session,
    ) -> Result<Carried, CliError> {
        // What went wrong on its way says nothing about the model.
        let failed = |source| CliError::Policy { name: said.to_owned(), source: Box::new(source) };
        self.bring(said, place, following, session).map_err(failed)
    }

    fn bring(
        &self,
        said: &str,
        place: &str,
        following: Following<'_>,
        session: &Session,
    ) -> Result<Carried, CliError> {
        let (id, version) = wanted(said)?;
        let requirements =
            Requirements::new(self.trust()?).limits(session.limits()).expect_name(id.model.to_string());
        // Floors of the command line are about the model; who asks is the same.
        let demands = DemandArgs { instance: following.demands.instance.clone(), ..DemandArgs::default() };
        let registry = following.registry;
        let follower = Follower::new(place, Some(&id), (following.follow, &demands), registry, session)?;
        let channel = follower.refresh()?;
        let permit = follower.permit(&channel, version.map_or(Wanted::Current, Wanted::Version))?;
        let release = permit.release();
        let from = self.from.as_deref().map(Reference::parse).transpose()?;
        let reference = lacre_deliver::location(release, from.as_ref(), follower.reference())?;
        let store = registry.open(&reference, session)?;
        let offer =
            lacre_deliver::examine(store.as_ref(), reference.target(), &requirements, &session.limits())?;
        let claim = offer.claim().claim();
        lacre_deliver::check_release(release, offer.manifest(), claim)?;
        let name = format!("{id}:{}", release.version);
        let refused = |detail: &str| {
            let fault = PolicyFault { path: text::safe(&name), detail: detail.to_owned(), spot: None };
            CliError::Trust(VerifyError::from(fault))
        };
        if claim.manifest().total_size().is_none_or(|bytes| bytes > LARGEST) {
            return Err(refused("what it comes in is too large for a policy, or does not say its size"));
        }
        let file = file_of(claim.manifest()).map_err(refused)?.to_owned();
        let folder = tempfile::tempdir()
            .map_err(|source| CliError::Output { path: text::path(&std::env::temp_dir()), source })?;
        let pulled = offer.pull(&folder.path().join("policy"), Overwrite::Refuse, &NoProgress)?;
        let bytes = pulled.model.read(&file).map_err(CliError::Trust)?;
        let policy =
            Policy::carried(&bytes, &name, &sigstore_trust::public_good_root).map_err(CliError::Trust)?;
        follower.accept(&permit)?;
        let release = permit_json(channel.document(), &permit);
        Ok(Carried { name, policy, release })
    }

    fn trust(&self) -> Result<Trust, CliError> {
        let file = self
            .trust
            .as_deref()
            .map(|path| Trust::read_with(path, &sigstore_trust::public_good_root))
            .transpose()
            .map_err(CliError::Trust)?;
        let keys = KeyRing::read(&self.key)?.keys();
        match (file, keys.is_empty()) {
            (Some(trust), true) => Ok(trust),
            (Some(trust), false) => trust.and_keys(keys).map_err(CliError::Trust),
            (None, false) => Trust::keys(keys).map_err(CliError::Trust),
            (None, true) => Err(CliError::Usage {
                message: "nobody is trusted to sign the policy".to_owned(),
                tip: Some("name who signs it: --policy-key PUB or --policy-trust FILE".to_owned()),
            }),
        }
    }
}

/// The file that is the policy: the one of the usual name, or the only one that could be.
fn file_of(manifest: &Manifest) -> Result<&str, &'static str> {
    if manifest.get(FILE).is_some() {
        return Ok(FILE);
    }
    let names = manifest.entries().iter().map(|entry| entry.path.as_str());
    let mut policies = names.filter(|name| {
        let ending = Path::new(name).extension();
        ending.is_some_and(|ending| ending == "toml" || ending == "json")
    });
    match (policies.next(), policies.next()) {
        (Some(file), None) => Ok(file),
        (None, _) => Err("there is no policy in it: no policy.toml"),
        (Some(_), Some(_)) => Err("several files of it could be the policy, and none is called policy.toml"),
    }
}
