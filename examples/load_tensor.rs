//! Loads one tensor of a signed model: the bytes that are computed with are the bytes that were proven.
//!
//! FILE is a safetensors file, or the index of several.
//!
//! ```text
//! cargo run --example load_tensor -- MODEL release.pub model.safetensors embeddings.word_embeddings.weight
//! ```

use std::error::Error;
use std::io::Write as _;

use lacre_verify::{
    EntryPath, Hold, Links, NoProgress, ProvenTensor, PublicKey, Requirements, Trust, Unverified,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, key, file, tensor] = arguments.as_slice() else {
        return Err("usage: load_tensor MODEL PUBLIC-KEY FILE TENSOR".into());
    };

    // Whom to believe. There is no default.
    let key = PublicKey::from_pem(&std::fs::read_to_string(key)?)?;
    let requirements = Requirements::new(Trust::keys([key])?);

    // Signature first, then every file. The weights stay in private memory as they are read: one pass.
    let hold = Hold::Files(vec![EntryPath::parse(file)?]);
    let model = Unverified::open(model.as_ref(), None, Links::Refuse, &requirements)?.verify(
        &requirements,
        &hold,
        &NoProgress,
    )?;

    let tensors = model.safetensors(file)?;
    let loaded = tensors.tensor(tensor)?;
    let claim = model.claim();
    let out = &mut std::io::stdout();
    writeln!(out, "{} {}", claim.name(), claim.version().unwrap_or("(no version)"))?;
    writeln!(out, "{tensor}: {} {:?}, L2 norm {:.6}", loaded.dtype(), loaded.shape(), norm(&loaded)?)?;
    Ok(())
}

/// The L2 norm of a tensor of 32-bit floats.
fn norm(tensor: &ProvenTensor<'_>) -> Result<f64, Box<dyn Error>> {
    if tensor.dtype() != lacre_verify::Dtype::F32 {
        return Err(format!("{} is not F32", tensor.dtype()).into());
    }
    let (values, _) = tensor.data().as_chunks::<4>();
    let squares = values.iter().map(|value| f64::from(f32::from_le_bytes(*value)).powi(2));
    Ok(squares.sum::<f64>().sqrt())
}
