//! Weights: safetensors files, written by hand.

use serde_json::{Map, Value, json};

/// A safetensors file in the making: `u64` little endian header length, JSON header padded with spaces to a multiple of
/// eight, tensor data without gaps in the order in which the tensors were added.
#[derive(Debug, Clone, Default)]
pub struct SafetensorsFile {
    header: Map<String, Value>,
    data: Vec<u8>,
}

impl SafetensorsFile {
    /// A file without tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Three tensors whose values anyone can state:
    ///
    /// - `embeddings.weight`, F32, `[3, 4]`: 0, 1, 2, … 11
    /// - `pooler.bias`, F32, `[4]`: 0.5, −0.5, 1.5, −1.5
    /// - `position_ids`, I64, `[2]`: 7, −7
    pub fn sample() -> Self {
        let counted: Vec<f32> = (0..12_u8).map(f32::from).collect();
        Self::new()
            .f32("embeddings.weight", &[3, 4], &counted)
            .f32("pooler.bias", &[4], &[0.5, -0.5, 1.5, -1.5])
            .tensor("position_ids", "I64", &[2], &[7_i64.to_le_bytes(), (-7_i64).to_le_bytes()].concat())
            .metadata("format", "pt")
    }

    /// Adds a tensor of 32-bit floats.
    pub fn f32(self, name: &str, shape: &[usize], values: &[f32]) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len());
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, "F32", shape, &bytes)
    }

    /// Adds a tensor of any type; `bytes` are its values, little endian, in row-major order. Nothing is checked.
    pub fn tensor(mut self, name: &str, dtype: &str, shape: &[usize], bytes: &[u8]) -> Self {
        let start = self.data.len();
        self.data.extend(bytes);
        let described = json!({"dtype": dtype, "shape": shape, "data_offsets": [start, self.data.len()]});
        self.header.insert(name.to_owned(), described);
        self
    }

    /// Adds a text to the file's `__metadata__`.
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        let texts = self.header.entry("__metadata__").or_insert_with(|| json!({}));
        texts[key] = value.into();
        self
    }

    /// The file's bytes.
    pub fn build(&self) -> Vec<u8> {
        let mut header = serde_json::to_vec(&self.header).unwrap();
        header.resize(header.len().next_multiple_of(8), b' ');
        [&(header.len() as u64).to_le_bytes()[..], &header, &self.data].concat()
    }
}

#[cfg(test)]
mod tests {
    use safetensors::{Dtype, SafeTensors};

    use super::*;

    #[test]
    fn the_reference_reader_reads_the_sample() {
        let bytes = SafetensorsFile::sample().build();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(file.len(), 3);
        let weight = file.tensor("embeddings.weight").unwrap();
        assert_eq!((weight.dtype(), weight.shape()), (Dtype::F32, &[3, 4][..]));
        assert_eq!(weight.data()[4..8], 1_f32.to_le_bytes());
        let bias = file.tensor("pooler.bias").unwrap();
        assert_eq!(bias.data()[12..], (-1.5_f32).to_le_bytes());
        assert_eq!(file.tensor("position_ids").unwrap().data()[8..], (-7_i64).to_le_bytes());
    }

    #[test]
    fn the_data_starts_at_a_multiple_of_eight() {
        for name in ["a", "ab", "abc", "abcd", "abcdefg"] {
            let bytes = SafetensorsFile::new().f32(name, &[1], &[1.0]).build();
            assert_eq!((bytes.len() - 4) % 8, 0);
            assert_eq!(SafeTensors::deserialize(&bytes).unwrap().names(), [name]);
        }
    }
}
