//! A look at the commands that stand behind each other, before they are read one by one.

use super::short_number;

/// Arguments of a command that is looked over; behind a longer one nothing is.
const MOST_ARGUMENTS: i64 = 16;

/// The keys of commands that have come whole: of each the first argument behind its name, which nearly always is one.
/// It ends before anything that is written in another way than clients do.
pub(crate) struct Keys<'a> {
    rest: &'a [u8],
}

impl<'a> Keys<'a> {
    /// Those at the head of some bytes.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Takes a line: the number behind a sign.
    fn number(&mut self, sign: u8) -> Option<i64> {
        let line = self.rest.strip_prefix(&[sign])?;
        let (number, length) = short_number(line)?;
        self.rest = line.get(length..)?;
        Some(number)
    }

    fn argument(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number(b'$')?).ok()?;
        let argument = self.rest.get(..length)?;
        self.rest = self.rest.get(length + 2..)?;
        Some(argument)
    }
}

impl<'a> Iterator for Keys<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let arguments = self.number(b'*').filter(|number| *number <= MOST_ARGUMENTS)?;
            let mut key = None;
            for place in 0..arguments {
                let argument = self.argument()?;
                if place == 1 {
                    key = Some(argument);
                }
            }
            if key.is_some() {
                return key;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<&[u8]> {
        Keys::of(bytes).collect()
    }

    const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";

    #[test]
    fn keys_are_found_in_what_is_whole() {
        let set = b"*5\r\n$3\r\nSET\r\n$12\r\na longer key\r\n$2\r\n\r\n\r\n$2\r\nEX\r\n$1\r\n1\r\n";
        let ping = b"*1\r\n$4\r\nPING\r\n";
        let all = [GET, set, ping, b"*0\r\n", GET].concat();
        assert_eq!(keys(&all), [&b"k"[..], b"a longer key", b"k"]);
        for end in 0..GET.len() {
            assert_eq!(keys(&[GET, &GET[..end]].concat()), [b"k"]);
        }
    }

    #[test]
    fn it_ends_before_what_no_client_writes() {
        for odd in [
            &b"PING\r\n"[..],
            b"\r\n",
            b"*-1\r\n",
            b"*17\r\n$1\r\nx\r\n$1\r\ny\r\n",
            b"*2\r\n$3\r\nGET\r\n$-1\r\n",
            b"*2\r\n$3\r\nGET\r\n:1\r\n",
            b"*2\r\n$03\r\nGET\r\n$1\r\nk\r\n",
            b"*2\r\n$3\r\nGET\r\n$99999999\r\nk\r\n",
        ] {
            assert_eq!(keys(&[GET, odd, GET].concat()), [b"k"], "{odd:?}");
        }
    }
}
