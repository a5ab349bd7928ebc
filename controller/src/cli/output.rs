//! What goes to the terminal: tables, colours where there is a terminal, objects as YAML or JSON.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::ValueEnum;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use nodemend_api::yaml;
use nodemend_core::time::{Span, Time};
use serde::Serialize;

use super::CliError;

/// In which form an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Table,
    /// The objects as YAML
    Yaml,
    /// The objects as JSON
    Json,
}

/// How a text is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// With colours.
    colour: bool,
    /// Wrapped to this many columns.
    width: Option<u16>,
}

/// How good or bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tone {
    #[default]
    Plain,
    Good,
    Careful,
    Bad,
    Dim,
    Strong,
}

/// One cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field(String, Tone);

impl<T: Display> From<T> for Field {
    fn from(text: T) -> Self {
        let text = text.to_string();
        if text.is_empty() { Self("-".to_owned(), Tone::Dim) } else { Self(text, Tone::Plain) }
    }
}

impl Look {
    /// As standard output wants it: `NO_COLOR` and pipes get plain text, pipes whole lines.
    pub(super) fn of_stdout() -> Self {
        let (_, width) = console::Term::stdout().size();
        let width = std::io::stdout().is_terminal().then_some(width);
        Self {
            colour: console::colors_enabled() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
            width,
        }
    }

    /// Without colours or wrapping.
    #[cfg(test)]
    pub(super) const fn plain() -> Self {
        Self { colour: false, width: None }
    }

    /// The text in its tone.
    pub(super) fn paint(self, text: impl Display, tone: Tone) -> String {
        let styled = console::style(text).force_styling(self.colour);
        match tone {
            Tone::Plain => styled,
            Tone::Good => styled.green(),
            Tone::Careful => styled.yellow(),
            Tone::Bad => styled.red(),
            Tone::Dim => styled.dim(),
            Tone::Strong => styled.bold(),
        }
        .to_string()
    }

    /// A heading of a section.
    pub(super) fn heading(self, text: &str) -> String {
        self.paint(text, Tone::Strong)
    }

    /// A table without borders, every line indented by `indent` columns.
    pub(super) fn table(self, indent: usize, headers: &[&str], rows: Vec<Vec<Field>>) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        match self.width {
            Some(width) => {
                table.set_content_arrangement(ContentArrangement::Dynamic);
                table.set_width(width.saturating_sub(u16::try_from(indent).unwrap_or(0)).max(40));
            }
            None => {
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        if self.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        if !headers.is_empty() {
            table.set_header(headers.iter().map(|header| Cell::new(header).add_attribute(Attribute::Bold)));
        }
        table.add_rows(rows.into_iter().map(|row| row.into_iter().map(cell).collect::<Vec<_>>()));
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
            column.set_cell_alignment(CellAlignment::Left);
        }
        let lines = table.lines().map(|line| format!("{:indent$}{}\n", "", line.trim_end()));
        lines.collect()
    }
}

fn cell(field: Field) -> Cell {
    let cell = Cell::new(field.0);
    match field.1 {
        Tone::Plain => cell,
        Tone::Good => cell.fg(Color::DarkGreen),
        Tone::Careful => cell.fg(Color::DarkYellow),
        Tone::Bad => cell.fg(Color::DarkRed),
        Tone::Dim => cell.add_attribute(Attribute::Dim),
        Tone::Strong => cell.add_attribute(Attribute::Bold),
    }
}

/// A cell in a tone.
pub(super) fn toned(text: impl Display, tone: Tone) -> Field {
    // Nothing has no colour.
    let plain = Field::from(text);
    if plain.1 == Tone::Dim { plain } else { Field(plain.0, tone) }
}

/// How long ago something was; `-` if it never was.
pub(super) fn age(since: Option<Time>, now: Time) -> String {
    since.map_or_else(|| "-".to_owned(), |since| span(now.since(since)))
}

/// A length of time in whole seconds or more.
pub(super) fn span(span: Span) -> String {
    if span.0 < 1000 { "0s".to_owned() } else { span.to_string() }
}

/// Whole numbers with their noun: `1 node`, `2 nodes`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Prints a text. A reader that has seen enough (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<ExitCode, CliError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Prints an object, or several as a list.
pub(super) fn print_object<T: Serialize>(object: &T, format: Format) -> Result<ExitCode, CliError> {
    match format {
        Format::Json => print(&(serde_json::to_string_pretty(object)? + "\n")),
        Format::Table | Format::Yaml => print(&yaml::document(object)?),
    }
}
