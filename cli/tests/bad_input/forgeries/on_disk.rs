//! Files that are not what was signed.

use std::fs;

use lacre_testkit::tamper;
use serde_json::Value;

use super::{Attack, NO_ARGS};

pub(super) const ON_DISK: &[Attack] = &[
    Attack {
        name: "changed-byte",
        why: "one bit of a file is another one",
        exit: 1,
        code: "E-FILE-CHANGED",
        args: NO_ARGS,
        make: |kit| kit.after(|model| tamper::flip(&model.entry("weights/a.bin"), 40)),
    },
    Attack {
        name: "swapped-files",
        why: "two files changed their names: the OMS root digest does not bind names and stays the same",
        exit: 1,
        code: "E-FILE-CHANGED",
        args: NO_ARGS,
        make: |kit| {
            kit.after(|model| tamper::swap(&model.entry("weights/a.bin"), &model.entry("weights/b.bin")))
        },
    },
    Attack {
        name: "planted-file",
        why: "a file that nobody signed lies in the model",
        exit: 1,
        code: "E-FILE-EXTRA",
        args: NO_ARGS,
        make: |kit| kit.after(|model| tamper::plant(&model.entry("modeling.py"), "import os\n")),
    },
    Attack {
        name: "planted-workflow",
        why: "a file that nobody signed, in a folder that model_signing always ignores",
        exit: 1,
        code: "E-FILE-EXTRA",
        args: NO_ARGS,
        make: |kit| kit.after(|model| tamper::plant(&model.entry(".github/workflows/x.yml"), "on: push\n")),
    },
    Attack {
        name: "planted-signature",
        why: "a file named like a signature is a file like any other when the signature is elsewhere",
        exit: 1,
        code: "E-FILE-EXTRA",
        args: NO_ARGS,
        make: |kit| kit.after(|model| tamper::plant(&model.entry("model.sig"), "payload\n")),
    },
    Attack {
        name: "linked-file",
        why: "a file was replaced by a link to the very same bytes, which can change after verification",
        exit: 1,
        code: "E-FILE-TYPE",
        args: NO_ARGS,
        make: |kit| {
            kit.after(|model| {
                tamper::replace_by_link(
                    &model.entry("weights/b.bin"),
                    "../../../../good/model/weights/b.bin",
                );
            })
        },
    },
    Attack {
        name: "linked-folder",
        why: "a folder was replaced by a link to one with the very same files",
        exit: 1,
        code: "E-FILE-TYPE",
        args: NO_ARGS,
        make: |kit| {
            kit.after(|model| {
                fs::remove_dir_all(model.entry("weights")).unwrap();
                std::os::unix::fs::symlink("../../../good/model/weights", model.entry("weights")).unwrap();
            })
        },
    },
    Attack {
        name: "links-allowed-by-signer",
        why: "the statement allows links: a signer cannot make a verifier follow them",
        exit: 1,
        code: "E-FILE-TYPE",
        args: NO_ARGS,
        make: |kit| {
            let allow = |statement: &mut Value| {
                statement["predicate"]["serialization"]["allow_symlinks"] = true.into();
            };
            let made = kit.restated(allow);
            let target = "../../../../good/model/weights/b.bin";
            tamper::replace_by_link(&made.model.entry("weights/b.bin"), target);
            made
        },
    },
    Attack {
        name: "renamed-file",
        why: "a signed file has another name",
        exit: 1,
        code: "E-FILE-RENAMED",
        args: NO_ARGS,
        make: |kit| {
            kit.after(|model| tamper::rename(&model.entry("weights/a.bin"), &model.entry("weights/c.bin")))
        },
    },
];
