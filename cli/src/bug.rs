//! A panic is a bug of ours: it becomes an error like any other, told once and with its own exit code.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};

use crate::error::CliError;

/// The first panic of any thread: the one that says what happened. Later ones are its consequences.
static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// Runs `work`; a panic in it, or in a thread that it waits for, comes back as [`CliError::Bug`].
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, CliError>) -> Result<T, CliError> {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| format!("{}{place}", words(info.payload())));
    }));
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    drop(panic::take_hook());
    outcome.unwrap_or_else(|payload| {
        let first = FIRST.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(CliError::Bug { detail: first.unwrap_or_else(|| words(payload.as_ref())) })
    })
}

fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_bug_with_its_place() {
        let error = caught::<()>(|| panic!("number {}", 7)).unwrap_err();
        assert_eq!(error.code(), "E-BUG");
        let text = error.to_string();
        assert!(text.contains("number 7") && text.contains("bug.rs"), "{text}");
    }
}
