//! What a file is to a model, by its name: which of `ModelPack`'s layer types it travels as.

use lacre_manifest::EntryPath;

/// What a file is to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LayerKind {
    /// Scripts and notebooks.
    Code,
    /// Training or sample data.
    Dataset,
    /// Texts for people: model card, licence.
    Doc,
    /// Weights.
    Weight,
    /// What is needed to use the weights: configuration, tokenizer, vocabulary, shard index.
    WeightConfig,
}

/// The media types of a raw layer and of an archive.
const KINDS: [(LayerKind, &str, &str); 5] = [
    (LayerKind::Code, "application/vnd.cncf.model.code.v1.raw", "application/vnd.cncf.model.code.v1.tar"),
    (
        LayerKind::Dataset,
        "application/vnd.cncf.model.dataset.v1.raw",
        "application/vnd.cncf.model.dataset.v1.tar",
    ),
    (LayerKind::Doc, "application/vnd.cncf.model.doc.v1.raw", "application/vnd.cncf.model.doc.v1.tar"),
    (
        LayerKind::Weight,
        "application/vnd.cncf.model.weight.v1.raw",
        "application/vnd.cncf.model.weight.v1.tar",
    ),
    (
        LayerKind::WeightConfig,
        "application/vnd.cncf.model.weight.config.v1.raw",
        "application/vnd.cncf.model.weight.config.v1.tar",
    ),
];

const WEIGHTS: [&str; 38] = [
    "bin",
    "caffemodel",
    "checkpoint",
    "ckpt",
    "dduf",
    "distcp",
    "engine",
    "ggjt",
    "ggmf",
    "ggml",
    "gguf",
    "h5",
    "hdf5",
    "joblib",
    "keras",
    "llamafile",
    "mar",
    "mlmodel",
    "msgpack",
    "nemo",
    "npy",
    "npz",
    "onnx",
    "onnx_data",
    "ot",
    "pb",
    "pdiparams",
    "pdparams",
    "pickle",
    "pkl",
    "plan",
    "pt",
    "pt2",
    "pte",
    "pth",
    "safetensors",
    "tflite",
    "trt",
];
const CODE: [&str; 24] = [
    "bash", "c", "cc", "cpp", "cu", "cuh", "go", "h", "hpp", "ipynb", "java", "jl", "js", "lua", "patch",
    "ps1", "py", "pyi", "r", "rb", "rs", "sh", "sql", "ts",
];
const DATA: [&str; 8] = ["arrow", "avro", "csv", "feather", "jsonl", "parquet", "tfrecord", "tsv"];
const DOCS: [&str; 13] =
    ["adoc", "gif", "htm", "html", "jpeg", "jpg", "md", "pdf", "png", "rst", "svg", "tex", "webp"];
const DOC_NAMES: [&str; 11] = [
    "authors",
    "changelog",
    "citation",
    "contributing",
    "copying",
    "license",
    "licence",
    "notice",
    "readme",
    "security",
    "use_policy",
];
const CODE_NAMES: [&str; 4] = ["dockerfile", "makefile", "requirements", "setup.cfg"];

impl LayerKind {
    /// What a file of this path is taken for. Nothing depends on the answer but the layer's media type, which is a
    /// hint to other tools; a name that says nothing counts as configuration of the weights.
    pub fn of(path: &EntryPath) -> Self {
        let name = path.file_name().to_lowercase();
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let starts = |names: &[&str]| names.iter().any(|start| name.starts_with(start));
        if WEIGHTS.contains(&extension) {
            Self::Weight
        } else if CODE.contains(&extension) || starts(&CODE_NAMES) {
            Self::Code
        } else if DATA.contains(&extension) {
            Self::Dataset
        } else if DOCS.contains(&extension) || starts(&DOC_NAMES) {
            Self::Doc
        } else {
            Self::WeightConfig
        }
    }

    /// The media type of a raw layer of this kind.
    pub fn media_type(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, raw, _)| raw)
    }

    /// The media type of an archive of files of this kind, not compressed.
    pub fn archive_type(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, _, archive)| archive)
    }

    /// The kind of a raw layer of this media type; none for any other type.
    pub fn from_media_type(text: &str) -> Option<Self> {
        KINDS.iter().find(|(_, raw, _)| *raw == text).map(|(kind, ..)| *kind)
    }

    /// What follows the media type of an archive in `text`, which says how it is compressed; none for any other type.
    pub(super) fn archive_suffix(text: &str) -> Option<&str> {
        KINDS.iter().find_map(|(_, _, archive)| text.strip_prefix(archive))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_names() {
        let cases = [
            (
                LayerKind::Weight,
                ["model.safetensors", "q/Model-Q4.GGUF", "pytorch_model.bin", "onnx/model.onnx_data"],
            ),
            (
                LayerKind::WeightConfig,
                ["config.json", "tokenizer.json", "model.safetensors.index.json", "vocab.txt"],
            ),
            (LayerKind::WeightConfig, ["generation_config.json", "merges.txt", "tokenizer.model", "strange"]),
            (LayerKind::Doc, ["README.md", "LICENSE", "licence.txt", "img/arch.png"]),
            (LayerKind::Doc, ["README", "docs/usage.rst", "NOTICE.txt", "USE_POLICY.md"]),
            (LayerKind::Code, ["modeling_x.py", "run.sh", "demo.ipynb", "requirements.txt"]),
            (LayerKind::Dataset, ["train.parquet", "data/a.csv", "eval.jsonl", "x.arrow"]),
        ];
        for (kind, paths) in cases {
            for path in paths {
                assert_eq!(LayerKind::of(&EntryPath::parse(path).unwrap()), kind, "{path}");
            }
        }
    }

    #[test]
    fn every_kind_has_its_own_media_type() {
        for (kind, raw, archive) in KINDS {
            assert_eq!((kind.media_type(), kind.archive_type()), (raw, archive));
            assert_eq!(LayerKind::from_media_type(raw), Some(kind));
            assert_eq!(LayerKind::archive_suffix(&format!("{archive}+gzip")), Some("+gzip"));
        }
        for foreign in
            ["", "application/vnd.cncf.model.weight.v1.tar", "application/vnd.cncf.model.weight.v1.raw "]
        {
            assert_eq!(LayerKind::from_media_type(foreign), None);
        }
    }
}
