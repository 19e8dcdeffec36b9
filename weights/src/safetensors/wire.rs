//! A header as it is written, with nothing checked but its shape. What is more than the limits is counted and not kept, so
//! that no header takes much more memory than it has bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Dtype, MAX_METADATA, MAX_RANK, MAX_TENSORS};

/// The key of what is no tensor.
const METADATA: &str = "__metadata__";

/// A header.
#[derive(Debug, Default)]
pub(super) struct WireHeader {
    pub(super) metadata: Option<WireMetadata>,
    pub(super) tensors: Vec<(String, WireTensor)>,
    pub(super) has_more_tensors: bool,
}

/// `__metadata__`.
#[derive(Debug, Default)]
pub(super) struct WireMetadata {
    pub(super) texts: BTreeMap<String, String>,
    pub(super) has_more: bool,
}

/// What a header says of a tensor.
#[derive(Debug, Default)]
pub(super) struct WireTensor {
    pub(super) dtype: Option<Result<Dtype, String>>,
    pub(super) shape: Option<WireShape>,
    pub(super) data_offsets: Option<[u64; 2]>,
    pub(super) unknown: Option<String>,
}

/// A shape.
#[derive(Debug, Default)]
pub(super) struct WireShape {
    pub(super) dimensions: Vec<u64>,
    pub(super) has_more: bool,
}

impl<'de> Deserialize<'de> for WireHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

impl<'de> Deserialize<'de> for WireMetadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetadataVisitor)
    }
}

impl<'de> Deserialize<'de> for WireTensor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A map and nothing else: derived code would take a list of the three values as well.
        deserializer.deserialize_map(TensorVisitor)
    }
}

impl<'de> Deserialize<'de> for WireShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ShapeVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = WireHeader;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<WireHeader, A::Error> {
        let mut header = WireHeader::default();
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            if name == METADATA {
                header.metadata = Some(members.next_value()?);
            } else if header.tensors.len() < MAX_TENSORS {
                header.tensors.push((name.into_owned(), members.next_value()?));
            } else {
                header.has_more_tensors = true;
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(header)
    }
}

struct MetadataVisitor;

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = WireMetadata;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<WireMetadata, A::Error> {
        let mut metadata = WireMetadata::default();
        while let Some(key) = members.next_key::<Cow<'de, str>>()? {
            if metadata.texts.len() < MAX_METADATA {
                metadata.texts.insert(key.into_owned(), members.next_value()?);
            } else {
                metadata.has_more = true;
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(metadata)
    }
}

struct TensorVisitor;

impl<'de> Visitor<'de> for TensorVisitor {
    type Value = WireTensor;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with `dtype`, `shape` and `data_offsets`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<WireTensor, A::Error> {
        let mut tensor = WireTensor::default();
        while let Some(field) = members.next_key::<Cow<'de, str>>()? {
            match &*field {
                "dtype" => {
                    let name: Cow<'de, str> = members.next_value()?;
                    tensor.dtype = Some(Dtype::from_name(&name).ok_or_else(|| name.into_owned()));
                }
                "shape" => tensor.shape = Some(members.next_value()?),
                "data_offsets" => tensor.data_offsets = Some(members.next_value()?),
                _ => {
                    members.next_value::<IgnoredAny>()?;
                    tensor.unknown = Some(field.into_owned());
                }
            }
        }
        Ok(tensor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = WireShape;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of sizes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sizes: A) -> Result<WireShape, A::Error> {
        let mut shape = WireShape::default();
        while let Some(size) = sizes.next_element()? {
            if shape.dimensions.len() < MAX_RANK {
                shape.dimensions.push(size);
            } else {
                shape.has_more = true;
            }
        }
        Ok(shape)
    }
}
