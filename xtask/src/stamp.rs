//! Marks of finished steps: a step is done when its mark holds the very recipe it was made by.

use std::fs;
use std::path::PathBuf;

use crate::failure::{Context, Outcome};

/// The mark of one step.
pub(crate) struct Stamp {
    path: PathBuf,
    recipe: String,
}

impl Stamp {
    /// The mark at `path` of a step that is made by `recipe` (everything that, when changed, makes it be redone).
    pub(crate) fn new(path: PathBuf, recipe: impl Into<String>) -> Self {
        Self { path, recipe: recipe.into() }
    }

    /// Whether the step was finished, by this recipe.
    pub(crate) fn is_set(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|text| text == self.recipe)
    }

    /// Unmarks the step: done before its work starts, so that half of it never counts.
    pub(crate) fn clear(&self) -> Outcome {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).during(|| format!("cannot remove {}", self.path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Marks the step as finished.
    pub(crate) fn set(&self) -> Outcome {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).during(|| format!("cannot make {}", folder.display()))?;
        }
        // The mark appears whole or not at all.
        let partial = self.path.with_extension("partial");
        fs::write(&partial, &self.recipe).during(|| format!("cannot write {}", partial.display()))?;
        fs::rename(&partial, &self.path).during(|| format!("cannot write {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_recipe_is_not_done() {
        let folder = tempfile::tempdir().unwrap();
        let stamp = |recipe: &str| Stamp::new(folder.path().join("stamps/step"), recipe);
        assert!(!stamp("one").is_set());
        stamp("one").clear().unwrap();
        stamp("one").set().unwrap();
        assert!(stamp("one").is_set());
        assert!(!stamp("two").is_set());
        stamp("two").clear().unwrap();
        assert!(!stamp("one").is_set());
    }
}
