//! What a verified model is worth when an attacker waits until it has been verified.
//!
//! The program verifies a model, then plays the attacker: it overwrites the weights in place, and swaps the file for
//! another one. The tensor that it then loads is still the signed one; and a file that was not held is refused. Give
//! it a copy of a model: it is broken afterwards.
//!
//! ```text
//! cargo run --example swap_after_verify -- COPY-OF-MODEL release.pub model.safetensors embeddings.word_embeddings.weight
//! ```

use std::error::Error;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use lacre_verify::{EntryPath, Hold, Links, NoProgress, PublicKey, Requirements, Trust, Unverified};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, key, file, tensor] = arguments.as_slice() else {
        return Err("usage: swap_after_verify COPY-OF-MODEL PUBLIC-KEY FILE TENSOR".into());
    };
    let out = &mut std::io::stdout();
    let key = PublicKey::from_pem(&fs::read_to_string(key)?)?;
    let requirements = Requirements::new(Trust::keys([key])?);
    let verify = |hold: &Hold| {
        Unverified::open(folder.as_ref(), None, Links::Refuse, &requirements)?.verify(
            &requirements,
            hold,
            &NoProgress,
        )
    };
    let path = Path::new(folder).join(file);
    let signed = fs::read(&path)?;

    let held = verify(&Hold::Files(vec![EntryPath::parse(file)?]))?;
    let not_held = verify(&Hold::Nothing)?;
    writeln!(out, "verified: {}", held.claim().name())?;

    let middle = signed.len() as u64 / 2;
    let original = signed[signed.len() / 2];
    File::options().write(true).open(&path)?.write_all_at(&[!original], middle)?;
    writeln!(out, "attacker: overwrote a byte in the middle of {file}, in place")?;
    check(out, "held since verification", *held.read(file)? == *signed)?;
    match not_held.read(file) {
        Err(error) => writeln!(out, "read again now: refused, {}: {error}", error.code())?,
        Ok(_) => return Err("changed bytes were handed out".into()),
    }

    let other = path.with_extension("attacker");
    fs::write(&other, vec![0; signed.len()])?;
    fs::rename(&other, &path)?;
    writeln!(out, "attacker: swapped {file} for another file of the same size")?;
    check(out, "held since verification", *held.read(file)? == *signed)?;
    let tensors = held.safetensors(file)?;
    let view = tensors.tensor(tensor)?;
    let (values, _) = view.data().as_chunks::<4>();
    let squares = values.iter().map(|value| f64::from(f32::from_le_bytes(*value)).powi(2));
    writeln!(
        out,
        "{tensor}: {:?} {:?}, L2 norm {:.6}",
        view.dtype(),
        view.shape(),
        squares.sum::<f64>().sqrt()
    )?;
    Ok(())
}

fn check(out: &mut impl std::io::Write, what: &str, is_signed: bool) -> Result<(), Box<dyn Error>> {
    writeln!(out, "{what}: {}", if is_signed { "the signed bytes" } else { "OTHER BYTES" })?;
    if is_signed { Ok(()) } else { Err("other bytes than the signed ones were handed out".into()) }
}
