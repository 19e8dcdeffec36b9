//! From a refresh to the document: whose it is, and whether the root is still in its epoch.

use serde_json::Value;

use crate::{ChannelDocument, ChannelId, DocumentFault, OrderFault, Refresh, ReleaseError};

/// The member of the root that names the epoch.
const EPOCH: &str = "x-lacre-epoch";

impl Refresh {
    /// The document of `id`, which this refresh was to [`seek`](Self::seek) as [`ChannelId::target`].
    ///
    /// Refused are documents that anybody but the channel's own role vouches for, documents of another channel, whoever
    /// signed them for this one, and documents of another epoch than the root's: the keys that vouch for documents can be the
    /// same in several epochs, and only the root says when one is over.
    pub fn document(&self, id: &ChannelId) -> Result<ChannelDocument, ReleaseError> {
        let found =
            self.found().ok_or(ReleaseError::TufOrder { what: "the document was not looked for yet" })?;
        if found.target.roles != ["targets".to_owned(), id.role()] {
            let reason = "another role than the channel's own vouches for it".to_owned();
            return Err(ReleaseError::TufMetadata { file: id.target(), reason });
        }
        let document = ChannelDocument::parse(&found.bytes)?;
        if document.id() != *id {
            return Err(DocumentFault::OtherChannel { found: document.id(), wanted: id.clone() }.into());
        }
        let root = self.root_member(EPOCH).and_then(Value::as_u64);
        if root != Some(document.epoch) {
            return Err(OrderFault::Epoch { offered: document.position(), root }.into());
        }
        Ok(document)
    }

    /// The channels that the role `targets` gives to roles of their own, as [`ChannelId::role`] and [`ChannelId::target`]
    /// name them: for who trusts a root and asks what it is the root of. The top level must be fresh.
    pub fn channels(&self) -> Vec<ChannelId> {
        let channel = |path: &String| {
            let (model, channel) = path.strip_prefix("channels/")?.strip_suffix(".json")?.rsplit_once('/')?;
            Some(ChannelId { model: model.parse().ok()?, channel: channel.parse().ok()? })
        };
        let of = |(role, paths): (&str, &[String])| {
            let named: Vec<ChannelId> = paths.iter().filter_map(channel).collect();
            named.into_iter().filter(|id| id.role() == role).collect::<Vec<_>>()
        };
        self.delegated().flat_map(of).collect()
    }
}
