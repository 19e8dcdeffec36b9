//! A model that a store offers, under a policy: the rule that decides about it, and what came with it.

use lacre_attest::Limits;
use lacre_registry_client::{ModelArtifact, Store, Target};
use lacre_verify::{Facts, Policy, Requirements, Rule};

use crate::accept::accept;
use crate::bundles::Bundles;
use crate::{DeliverError, Offer};

/// A model that a store offers, with a signature that meets what a rule of a policy demands of signatures. What else the
/// rule demands has not been asked.
pub struct Governed<'a, 'p> {
    /// The model.
    pub offer: Offer<'a>,
    /// The rule that decides.
    pub rule: &'p Rule,
    /// Attestations of the kinds that the rule wants. Nobody has vouched for them.
    pub attestations: Vec<Vec<u8>>,
    repository: String,
}

/// Finds the model that `target` names in the store of `repository`, the rule of `policy` that is about it, and a signature
/// over exactly its files that meets the rule. `base` is what the caller demands besides.
///
/// # Errors
/// `E-POLICY-NO-MATCH` when no rule is about the model; those of [`examine`](crate::examine).
pub fn examine_under<'a, 'p>(
    store: &'a dyn Store,
    repository: &str,
    target: &Target,
    policy: &'p Policy,
    base: &Requirements,
    limits: &Limits,
) -> Result<Governed<'a, 'p>, DeliverError> {
    let manifest = store.resolve(target)?;
    let text = store.manifest(&manifest)?;
    let artifact = ModelArtifact::parse(&text)?;
    let bundles = Bundles::of(store, &manifest, limits)?;
    let names = bundles.claimed_names()?;
    if names.is_empty() {
        return Err(bundles.none()?);
    }
    let (rule, requirements) = policy.terms(Some(repository), &names, base).map_err(DeliverError::Refused)?;
    let accepted = accept(&bundles, &artifact, &requirements)?;
    let attestations = bundles.attestations(&rule.predicates().collect::<Vec<_>>())?;
    let offer = Offer::new((store, target), (manifest.clone(), text, artifact), accepted, &requirements);
    Ok(Governed { offer, rule, attestations, repository: repository.to_owned() })
}

impl Governed<'_, '_> {
    /// What is known of the model before its content is read. Add what else is: a channel, a time.
    pub fn facts(&self) -> Facts<'_> {
        Facts::of(self.offer.claim())
            .from(&self.repository, &self.offer.manifest().digest)
            .attestations(&self.attestations)
    }
}
