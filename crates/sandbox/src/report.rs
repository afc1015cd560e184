//! What process 1 of a sandbox tells the runner: one line each, over a pipe that the command never holds.

use crate::{
    limits::Limit,
    plan::{Ended, Layer},
};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Every layer is on; the command starts now.
    Ready,
    /// A layer could not be put on.
    Failed(Layer, String),
    /// A limit was met.
    Hit(Limit),
    /// The command ended.
    Ended(Ended),
}

impl Line {
    /// With its line end.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Ready => "ready\n".into(),
            Self::Failed(layer, why) => {
                let layer = match layer {
                    Layer::Landlock => "landlock",
                    Layer::Limits => "limits",
                    Layer::Network => "network",
                    Layer::Runner | Layer::Bubblewrap | Layer::Seccomp => "runner",
                };
                format!("failed {layer} {}\n", why.replace('\n', " "))
            }
            Self::Hit(limit) => format!("hit {}\n", limit.as_str()),
            Self::Ended(Ended::Exit(code)) => format!("exit {code}\n"),
            Self::Ended(Ended::Signal(signal)) => format!("signal {signal}\n"),
            Self::Ended(Ended::Killed) => "signal 9\n".into(),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "ready" => Some(Self::Ready),
            "hit" => Limit::from_name(rest).map(Self::Hit),
            "exit" => rest.parse().ok().map(|code| Self::Ended(Ended::Exit(code))),
            "signal" => rest.parse().ok().map(|signal| Self::Ended(Ended::Signal(signal))),
            "failed" => {
                let (layer, why) = rest.split_once(' ').unwrap_or((rest, ""));
                let layer = match layer {
                    "landlock" => Layer::Landlock,
                    "limits" => Layer::Limits,
                    "network" => Layer::Network,
                    _ => Layer::Runner,
                };
                Some(Self::Failed(layer, why.to_owned()))
            }
            _ => None,
        }
    }
}

/// The most that a report may be long: it comes from inside.
pub(crate) const LONGEST: usize = 4096;

/// The lines of a whole report; what is none is left out.
pub(crate) fn lines(report: &[u8]) -> Vec<Line> {
    String::from_utf8_lossy(report).lines().filter_map(Line::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        let said = [
            Line::Ready,
            Line::Failed(Layer::Landlock, "not in this kernel".into()),
            Line::Failed(Layer::Limits, "x".into()),
            Line::Failed(Layer::Network, String::new()),
            Line::Hit(Limit::FileSize),
            Line::Ended(Ended::Exit(7)),
            Line::Ended(Ended::Signal(25)),
        ];
        let text: String = said.iter().map(Line::text).collect();
        assert_eq!(lines(text.as_bytes()), said);
        assert_eq!(lines(b"nonsense\nexit x\nhit nothing\n\xff\nexit"), []);
    }
}
