//! `kura hosts`: the line for `/etc/hosts` that makes a cell's names resolve.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use crate::identity::{Cell, default_data_dir, remembered_cell};

/// Prints the /etc/hosts line for the names of the cell.
#[derive(Debug, clap::Args)]
pub(crate) struct HostsCommand {
    /// The address at which clients reach the server.
    #[arg(default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// The cell's host name [default: the one the server of the data directory was started with].
    #[arg(long, env = "KURA_CELL")]
    cell: Option<Cell>,
    /// The server's data directory.
    #[arg(long, env = "KURA_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl HostsCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// If the data directory or standard output cannot be used.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let data_dir = self.data_dir.or_else(default_data_dir);
        let cell = cell_or_remembered(self.cell, data_dir.as_deref())?;
        writeln!(std::io::stdout(), "{}", line(self.address, &cell))?;
        Ok(())
    }
}

/// The cell that was named, else the one of the data directory, else the default.
pub(crate) fn cell_or_remembered(
    cell: Option<Cell>,
    data_dir: Option<&std::path::Path>,
) -> anyhow::Result<Cell> {
    if let Some(cell) = cell {
        return Ok(cell);
    }
    let remembered = data_dir.map(remembered_cell).transpose()?.flatten();
    Ok(remembered.map_or_else(|| Cell::parse(Cell::DEFAULT), Ok)?)
}

fn line(address: IpAddr, cell: &Cell) -> String {
    format!("{address} {}", cell.hosts().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_the_address_and_every_name_that_clients_resolve() {
        let cell = Cell::parse("h.test").unwrap();
        assert_eq!(
            line(IpAddr::V4(Ipv4Addr::LOCALHOST), &cell),
            "127.0.0.1 h.test cache.h.test control.h.test token.h.test api.cache.h.test \
             web.cache.h.test web.control.h.test web.token.h.test"
        );
    }

    #[test]
    fn the_cell_is_the_one_named_else_the_servers_else_the_default() {
        use crate::identity::DataDir;
        let dir = tempfile::tempdir().unwrap();
        let named = |cell, dir| cell_or_remembered(cell, dir).unwrap().to_string();
        assert_eq!(named(None, None), Cell::DEFAULT);
        assert_eq!(named(None, Some(dir.path())), Cell::DEFAULT);
        let data_dir = DataDir::open_or_create(dir.path()).unwrap();
        data_dir.remember_cell(&Cell::parse("h.test").unwrap()).unwrap();
        assert_eq!(named(None, Some(dir.path())), "h.test");
        assert_eq!(named(Cell::parse("i.test").ok(), Some(dir.path())), "i.test");
    }
}
