//! Chromium without a window: what a browser makes of a page.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::ZlibDecoder;
use lacre_testkit::places;

/// What a reader prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Dark,
    Light,
}

/// The browser, with a profile of its own.
pub(super) struct Browser {
    program: PathBuf,
    profile: tempfile::TempDir,
}

impl Browser {
    /// `None`, and a line on standard error, where there is none; a failure where peers are required.
    pub(super) fn find() -> Option<Self> {
        let program = places::program("chromium")?;
        Some(Self { program, profile: tempfile::tempdir().unwrap() })
    }

    fn run(&self, page: &Path, options: &[String]) -> Vec<u8> {
        let mut command = Command::new(&self.program);
        // Tests may run as root, for whom its sandbox does not work; the pages are ours.
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-extensions",
        ]);
        command.arg(format!("--user-data-dir={}", self.profile.path().display()));
        command.args(options).arg(format!("file://{}", page.display()));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "chromium {options:?}: {said}");
        output.stdout
    }

    /// The document as it stands after loading, written out by the browser.
    pub(super) fn dom(&self, page: &Path) -> String {
        String::from_utf8(self.run(page, &["--dump-dom".to_owned()])).unwrap()
    }

    /// A picture of the window.
    pub(super) fn picture(&self, page: &Path, size: (u32, u32), scheme: Scheme) -> Picture {
        Picture::read(&self.png(page, size, scheme))
    }

    /// The same, as a file.
    pub(super) fn png(&self, page: &Path, size: (u32, u32), scheme: Scheme) -> Vec<u8> {
        let file = self.profile.path().join("picture.png");
        let preferred = match scheme {
            Scheme::Dark => 0,
            Scheme::Light => 1,
        };
        self.run(
            page,
            &[
                format!("--screenshot={}", file.display()),
                format!("--window-size={},{}", size.0, size.1),
                format!("--blink-settings=preferredColorScheme={preferred}"),
                "--hide-scrollbars".to_owned(),
            ],
        );
        let png = std::fs::read(&file).unwrap();
        std::fs::remove_file(file).unwrap();
        png
    }

    /// The page on paper.
    pub(super) fn print(&self, page: &Path) -> Vec<u8> {
        let file = self.profile.path().join("page.pdf");
        self.run(page, &[format!("--print-to-pdf={}", file.display()), "--no-pdf-header-footer".to_owned()]);
        std::fs::read(file).unwrap()
    }
}

/// A PNG of eight bits a colour, as far as tests look at it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) size: (u32, u32),
    /// Red, green and blue of the corner at the top and left: the page's background.
    pub(super) corner: [u8; 3],
    /// The lines, from the top.
    pub(super) lines: Vec<Vec<u8>>,
}

impl Picture {
    fn read(png: &[u8]) -> Self {
        let mut rest = png.strip_prefix(b"\x89PNG\r\n\x1a\n").expect("a PNG");
        let (mut size, mut packed) = (None, Vec::new());
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap();
            let (kind, body) = (&after[..4], &after[4..4 + length]);
            let number = |at: usize| u32::from_be_bytes(body[at..at + 4].try_into().unwrap());
            match kind {
                b"IHDR" => {
                    assert_eq!(body[8..], [8, 2, 0, 0, 0], "eight bits, no transparency, not interlaced");
                    size = Some((number(0), number(4)));
                }
                b"IDAT" => packed.extend_from_slice(body),
                _ => {}
            }
            rest = &after[4 + length + 4..];
        }
        let mut data = Vec::new();
        ZlibDecoder::new(packed.as_slice()).read_to_end(&mut data).unwrap();
        let size = size.unwrap();
        let lines = lines(&data, usize::try_from(size.0).unwrap());
        assert_eq!(lines.len(), usize::try_from(size.1).unwrap());
        Self { size, corner: lines[0][..3].try_into().unwrap(), lines }
    }

    /// The colours of the last column.
    pub(super) fn right_edge(&self) -> Vec<[u8; 3]> {
        let mut colours: Vec<[u8; 3]> = self.lines.iter().map(|line| *line.last_chunk().unwrap()).collect();
        colours.sort_unstable();
        colours.dedup();
        colours
    }
}

/// The lines of a picture without their filters (PNG, third edition, section 9).
fn lines(data: &[u8], width: usize) -> Vec<Vec<u8>> {
    const PIXEL: usize = 3;
    let mut above = vec![0_u8; width * PIXEL];
    let filtered = data.chunks_exact(width * PIXEL + 1);
    filtered
        .map(|line| {
            let (filter, mut line) = (line[0], line[1..].to_vec());
            for at in 0..line.len() {
                let before = |row: &[u8]| if at < PIXEL { 0 } else { row[at - PIXEL] };
                let (a, b, c) = (before(&line), above[at], before(&above));
                let predicted = match filter {
                    0 => 0,
                    1 => a,
                    2 => b,
                    3 => a.midpoint(b),
                    4 => paeth(a, b, c),
                    other => panic!("no filter: {other}"),
                };
                line[at] = line[at].wrapping_add(predicted);
            }
            above.clone_from(&line);
            line
        })
        .collect()
}

fn paeth(a: u8, b: u8, c: u8) -> u8 {
    let estimate = i16::from(a) + i16::from(b) - i16::from(c);
    let far = |it: u8| (estimate - i16::from(it)).abs();
    if far(a) <= far(b) && far(a) <= far(c) {
        a
    } else if far(b) <= far(c) {
        b
    } else {
        c
    }
}
