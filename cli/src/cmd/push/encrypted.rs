//! `lacre push --encrypt`.

use lacre_attest::ManifestClaim;
use lacre_encrypt::Recipients;
use lacre_hash::{Progress, Sha256Digest};
use lacre_publish::{Encrypted, Encryption, Prepared};
use lacre_registry_client::{Descriptor, Reference, Tag};
use serde_json::json;

use super::PushArgs;
use crate::cmd::encryption;
use crate::cmd::signing::Hand;
use crate::error::CliError;
use crate::printer::{Done, Line, Tone};
use crate::session::Session;
use crate::{interrupt, text};

/// An encrypted push.
pub(super) struct Job<'a> {
    pub(super) args: &'a PushArgs,
    pub(super) reference: &'a Reference,
    pub(super) tag: Option<&'a Tag>,
    pub(super) prepared: &'a Prepared<'a>,
    pub(super) recipients: &'a Recipients,
    pub(super) hand: &'a Hand<'a>,
}

impl Job<'_> {
    pub(super) fn run(&self, progress: &dyn Progress, session: &Session) -> Result<Done, CliError> {
        if session.globals.dry_run {
            return self.told(None);
        }
        let store = self.args.registry.create(self.reference, &[], session)?;
        let limits = session.limits();
        let sign = |manifest: &Sha256Digest| {
            interrupt::check()?;
            let claim = ManifestClaim::signature(vec![*manifest])?;
            Ok::<_, CliError>(self.hand.seal_manifests(&claim, &limits)?.to_json())
        };
        let (recipients, spool) = (self.recipients, encryption::spool());
        let encryption = Encryption { recipients, spool, sign: &sign };
        let done = self.prepared.push_encrypted(store.as_ref(), self.tag, encryption, progress)?;
        self.told(Some(&done))
    }

    fn told(&self, done: Option<&Encrypted>) -> Result<Done, CliError> {
        let claim = self.prepared.claim();
        let digest = |descriptor: &Descriptor| format!("sha256:{}", descriptor.digest);
        let (identity, inside) =
            (claim.identity().map(ToString::to_string), digest(&self.prepared.manifest()));
        let recipients = self.recipients.len();
        let who = self.hand.who()?;
        let result = json!({
            "bytes_reused": done.map(|_| 0),
            "bytes_written": done.map(|it| it.inside.written),
            "dry_run": done.is_none(),
            "encrypted": { "manifest": inside, "recipients": recipients },
            "files": claim.manifest().len(),
            "identity": identity,
            "key": who.key,
            "manifest": done.map(|it| digest(&it.manifest)),
            "manifest_signature": done.map(|it| json!({ "digest": digest(&it.signature), "existed": false })),
            "name": claim.name(),
            "reference": self.reference.to_string(),
            "signature": done.map(|it| digest(&it.inside.signature)),
            "signature_existed": done.map(|_| false),
            "signer": who.signer,
            "version": claim.version(),
        });
        let version = claim.version().map(|version| format!(" {version}")).unwrap_or_default();
        let verb = if done.is_some() { "pushed" } else { "would push" };
        let mut lines = vec![
            Line::new(Tone::Good, verb)
                .then(Tone::Strong, format!(" {}{version}", claim.name()))
                .then(Tone::Plain, format!(" to {}, encrypted", self.reference)),
        ];
        if let Some(done) = done {
            lines.push(Line::row("manifest", digest(&done.manifest)));
            lines.push(Line::row(
                "files",
                format!("{}, {} written", done.inside.files, text::size(done.inside.written)),
            ));
            lines.push(Line::row("signature", format!("{}, of the manifest", digest(&done.signature))));
        } else {
            lines.push(Line::row("files", format!("{}, as signed", claim.manifest().len())));
        }
        lines.push(Line::row("for", text::count(recipients, "recipient")));
        lines.push(Line::row("inside", format!("manifest {inside}, its signature carried, not verified")));
        lines.extend(identity.map(|identity| Line::row("identity", identity)));
        lines.push(who.row);
        Ok(Done::new(result, lines))
    }
}
