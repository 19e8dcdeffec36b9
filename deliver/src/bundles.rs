//! What is attached to an artifact: signatures over the model, and attestations about it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use lacre_attest::{Limits, MODEL_PREDICATE_TYPE};
use lacre_hash::Sha256Digest;
use lacre_registry_client::{BUNDLE_ARTIFACT_TYPE, Descriptor, RegistryError, SignatureReferrer, Store};
use lacre_verify::{Endorsement, Unverified};

use crate::DeliverError;

/// Bundles that are looked at. Whoever can write to the registry can attach any number.
pub(crate) const MOST_BUNDLES: usize = 64;

/// The bundles that are attached to an artifact, each fetched once.
pub(crate) struct Bundles<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) manifest: &'a Descriptor,
    pub(crate) limits: &'a Limits,
    pub(crate) attached: Vec<Descriptor>,
    fetched: RefCell<HashMap<Sha256Digest, Rc<Attached>>>,
}

impl<'a> Bundles<'a> {
    pub(crate) fn of(
        store: &'a dyn Store,
        manifest: &'a Descriptor,
        limits: &'a Limits,
    ) -> Result<Self, DeliverError> {
        let attached = store.referrers(&manifest.digest, Some(BUNDLE_ARTIFACT_TYPE))?;
        Ok(Self { store, manifest, limits, attached, fetched: RefCell::default() })
    }

    /// Those that may be model signatures. What is said to be something else is not looked into, and does not crowd them out.
    pub(crate) fn signatures(&self) -> Result<Vec<&Descriptor>, DeliverError> {
        let may_be =
            |it: &&Descriptor| it.announced_predicate().is_none_or(|kind| kind == MODEL_PREDICATE_TYPE);
        let referrers: Vec<&Descriptor> = self.attached.iter().filter(may_be).collect();
        if referrers.len() > MOST_BUNDLES {
            return Err(DeliverError::TooManyBundles { found: referrers.len(), limit: MOST_BUNDLES });
        }
        Ok(referrers)
    }

    /// One of them; nothing when its own manifest says that it is something else than `kind`.
    pub(crate) fn fetch(
        &self,
        referrer: &Descriptor,
        kind: &dyn Fn(&str) -> bool,
    ) -> Result<Option<Rc<Attached>>, DeliverError> {
        if let Some(known) = self.fetched.borrow().get(&referrer.digest) {
            return Ok(Some(Rc::clone(known)));
        }
        let text = self.store.manifest(referrer)?;
        let signature = SignatureReferrer::parse(&text)?;
        if signature.predicate_type.as_deref().is_some_and(|predicate| !kind(predicate)) {
            return Ok(None);
        }
        let bundle = self.store.small_blob(&signature.bundle, self.limits.bundle() as u64)?;
        let attached = Rc::new(Attached { referrer: text, bundle });
        self.fetched.borrow_mut().insert(referrer.digest, Rc::clone(&attached));
        Ok(Some(attached))
    }

    /// The names that model signatures call the model by, each once. Nobody has vouched for any. What is malformed is left
    /// out here: it is refused, with its reason, when it is wanted.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub(crate) fn claimed_names(&self) -> Result<Vec<String>, DeliverError> {
        let mut names = Vec::new();
        for referrer in self.signatures()? {
            let attached = match self.fetch(referrer, &|kind| kind == MODEL_PREDICATE_TYPE) {
                Ok(Some(attached)) => attached,
                Err(error) if is_no_answer(&error) => return Err(error),
                Ok(None) | Err(_) => continue,
            };
            let Ok(bundle) = Unverified::<Endorsement>::parse(&attached.bundle, self.limits) else {
                continue;
            };
            names.extend(bundle.claimed_name(self.limits).filter(|name| !names.contains(name)));
        }
        Ok(names)
    }

    /// Attestations of these kinds, unverified; of each at most as many as are looked at.
    ///
    /// # Errors
    /// When the store cannot be asked. What is malformed or too long is left out, as if nobody had attached it.
    pub(crate) fn attestations(&self, kinds: &[&str]) -> Result<Vec<Vec<u8>>, DeliverError> {
        let wanted = |kind: &str| kinds.contains(&kind);
        let may_be = self.attached.iter().filter(|it| it.announced_predicate().is_none_or(wanted));
        let mut found = Vec::new();
        for referrer in may_be.take(MOST_BUNDLES) {
            match self.fetch(referrer, &wanted) {
                Ok(attached) => found.extend(attached.map(|attached| attached.bundle.clone())),
                Err(error) if is_no_answer(&error) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(found)
    }
}

/// A bundle as it was attached.
pub(crate) struct Attached {
    /// The manifest of the referrer.
    pub(crate) referrer: Vec<u8>,
    pub(crate) bundle: Vec<u8>,
}

/// Whether the store could not be asked: that says nothing about what is in it.
fn is_no_answer(error: &DeliverError) -> bool {
    matches!(
        error,
        DeliverError::Registry(
            RegistryError::Remote { .. }
                | RegistryError::Auth { .. }
                | RegistryError::Interrupted
                | RegistryError::Read { .. }
        )
    )
}
