//! Signals go to the program, and its end is that of `lacre`.

use rustix::process::Signal;

use crate::bench::Bench;
use crate::running::{BY_KEY, Running, run};

#[test]
fn the_exit_code_is_the_programs() {
    let bench = Bench::with_signed_model();
    for code in [0, 7, 255] {
        let said = run(&bench, BY_KEY, &format!("exit {code}"));
        assert_eq!((said.exit, said.stdout.as_str()), (Some(code), ""), "{said:?}");
    }
    for (signal, code) in [("KILL", 137), ("TERM", 143), ("INT", 130), ("USR1", 138)] {
        let said = run(&bench, BY_KEY, &format!("kill -{signal} $$"));
        assert_eq!(said.exit, Some(code), "{signal} {said:?}");
    }
}

#[test]
fn streams_are_the_programs() {
    let bench = Bench::with_signed_model();
    let mut running = Running::start(&bench, BY_KEY, "echo ready; cat; echo done; echo aside >&2");
    running.go();
    let said = running.end(&bench);
    assert_eq!((said.exit, said.stdout.as_str()), (Some(0), "go\ndone\n"), "{said:?}");
    said.says("aside");
    // What was proven is told before, beside the program's output.
    said.says("proven");
}

#[test]
fn every_signal_is_passed_on() {
    let bench = Bench::with_signed_model();
    let script = r#"
        n=0
        for signal in TERM INT HUP USR1 USR2 QUIT; do trap "echo $signal; n=\$((n+1))" $signal; done
        echo ready
        while [ $n -lt 6 ]; do sleep 0.05 & wait $!; done
        exit 9
    "#;
    let mut running = Running::start(&bench, BY_KEY, script);
    for (signal, name) in [
        (Signal::TERM, "TERM"),
        (Signal::INT, "INT"),
        (Signal::HUP, "HUP"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
        (Signal::QUIT, "QUIT"),
    ] {
        running.signal(signal);
        assert_eq!(running.line(), name);
    }
    assert_eq!(running.end(&bench).exit, Some(9));
}

#[test]
fn a_second_interrupt_ends_nothing_before_the_program_does() {
    let bench = Bench::with_signed_model();
    let script = r#"
        n=0; trap 'echo INT; n=$((n+1))' INT
        echo ready
        while [ $n -lt 3 ]; do sleep 0.05 & wait $!; done
        echo "still $(cat "$1/config.json")"
    "#;
    let mut running = Running::start(&bench, BY_KEY, script);
    for _ in 0..3 {
        running.signal(Signal::INT);
        assert_eq!(running.line(), "INT");
    }
    let said = running.end(&bench);
    assert_eq!((said.exit, said.stdout.as_str()), (Some(0), "still {\"hidden\": 384}\n"), "{said:?}");
}

#[test]
fn a_signal_that_the_program_does_not_catch_ends_both() {
    let bench = Bench::with_signed_model();
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let running = Running::start(&bench, BY_KEY, "echo ready; exec sleep 600");
        running.signal(signal);
        assert_eq!(running.end(&bench).exit, Some(code), "{signal:?}");
    }
}
