//! The answers of every command beside those of Redis 7.0, on random commands.
//!
//! Where they differ on purpose, the commands are not among those drawn, or the answers are made
//! comparable first:
//!
//! - an item without a time to live has the longest one here, so TTL and PERSIST answer otherwise;
//! - sets and hashes come in another order;
//! - fractions are written in their shortest form here, as in Redis 7.2, and INCRBYFLOAT computes in 64
//!   bits, not 80;
//! - a score of -0 is 0 here;
//! - arguments are looked at before the item here, so a wrong one is told whatever is stored; Redis'
//!   GETEX, LINDEX, LSET, INCRBYFLOAT, BITCOUNT, BITPOS, HSCAN, SSCAN and ZSCAN look at the item first;
//! - there is database 0 only;
//! - SPOP, SRANDMEMBER, HRANDFIELD, ZRANDMEMBER, RANDOMKEY: chance, so that only how many come is compared;
//! - keys, and the elements of sets and hashes, come in another order, and SCAN in other pieces: here
//!   HSCAN, SSCAN and ZSCAN tell all in one answer;
//! - SETBIT, SETRANGE and their like: a string is as long as an item may be, not 512 MB;
//! - LCS compares strings up to 4 million pairs of bytes;
//! - COMMAND, INFO, CONFIG and CLIENT tell of this server;
//! - PUBLISH reaches subscribers of SSUBSCRIBE too, and SPUBLISH those of SUBSCRIBE;
//! - texts of errors differ behind the code, and so do those of commands that are not there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use common::resp::{Answer, Resp, command};
use common::{PATIENCE, Server, free_address};
use fastrand::Rng;

/// Commands of each draw and version of the protocol.
const COMMANDS: usize = 12_000;
/// Where the draw begins, in turn.
const SEEDS: [u64; 4] = [0x5EED, 1, 2, 3];
/// Commands sent at a time.
const PIPELINE: usize = 200;

/// A Redis that ends with the test.
struct Redis(Child);

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn answers_are_those_of_redis() {
    let address = free_address();
    let port = address.port().to_string();
    let start = |program: &str| {
        // Debian's server is the same program as one of its tools, and looks at what it is called.
        let mut redis = Command::new(program);
        redis.arg0("redis-server");
        redis.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        redis.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    };
    let started = start("redis-server").or_else(|_| start("redis-check-rdb"));
    // `cargo xtask test` installs it; whoever runs this test alone may do without, and is told.
    let Ok(child) = started else {
        assert!(std::env::var_os("CI").is_none(), "no redis-server on PATH to compare with");
        eprintln!("SKIPPED: no redis-server on PATH to compare with");
        return;
    };
    let _redis = Redis(child);
    let server = Server::local_with_resp(&[]);
    server.client("").create_cache("default").await.unwrap();
    let mut ours = server.resp().await;
    let began = std::time::Instant::now();
    let mut theirs = loop {
        match Resp::connect(address).await {
            Ok(resp) => break resp,
            Err(error) => assert!(began.elapsed() < PATIENCE, "redis-server does not listen: {error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let info = theirs.call(&["INFO", "server"]).await;
    let Answer::Bytes(info) = info else { panic!("{info:?}") };
    if !String::from_utf8_lossy(&info).contains("redis_version:7.0.") {
        assert!(std::env::var_os("CI").is_none(), "the redis-server on PATH is not version 7.0");
        eprintln!("SKIPPED: the redis-server on PATH is not version 7.0, whose answers these are");
        return;
    }
    let mut differences = Vec::new();
    for (version, seed) in ["2", "3"].into_iter().flat_map(|version| SEEDS.map(|seed| (version, seed))) {
        let mut random = Rng::with_seed(seed);
        ours.call(&["HELLO", version]).await;
        theirs.call(&["HELLO", version]).await;
        for _ in 0..COMMANDS / PIPELINE {
            let commands: Vec<_> = (0..PIPELINE).map(|_| draw(&mut random)).collect();
            let sent: Vec<u8> = commands.iter().flat_map(|words| command(words)).collect();
            ours.send(&sent).await;
            theirs.send(&sent).await;
            for words in &commands {
                let our = comparable(words, ours.answer().await.unwrap());
                let their = comparable(words, theirs.answer().await.unwrap());
                if our != their {
                    differences.push(format!("RESP{version} {words:?}\n  here  {our:?}\n  Redis {their:?}"));
                }
            }
        }
    }
    let shown = differences.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{} differences, the first:\n{shown}", differences.len());
}

/// A command on one of few keys, so that they meet items of all types.
fn draw(random: &mut Rng) -> Vec<String> {
    let forms = TEMPLATES.lines().filter(|line| !line.trim().is_empty()).count();
    let form = random.usize(0..forms);
    let form = TEMPLATES.lines().filter(|line| !line.trim().is_empty()).nth(form).unwrap();
    form.split_whitespace().map(|word| fill(word, random)).collect()
}

/// Commands; small letters stand for what is drawn: a key mostly of this command's type, a value,
/// an integer, an index, a score, a limit of scores or of members, a count.
const TEMPLATES: &str = "
    DEL key
    DEL key key
    EXISTS key key
    TYPE key
    UNLINK key
    TOUCH key
    GET string
    GET string
    SET string value
    SET string value NX
    SET string value XX
    SET string value XX GET
    SET string value GET
    SET string value EX 100
    SET string value PX 100000 KEEPTTL
    SET string value EX 0
    SET string value BAD
    SET string int
    SET string int
    SETEX string 100 value
    SETEX string -1 value
    PSETEX string 100000 value
    SETNX string value
    GETSET string value
    GETDEL string
    GETEX string
    GETEX string EX 100
    MGET string string key
    MSET string value string int
    MSET string value string
    APPEND string value
    STRLEN string
    GETRANGE string index index
    SUBSTR string index index
    SETRANGE string count value
    INCR string
    DECR string
    INCRBY string int
    DECRBY string int
    INCRBYFLOAT float amount
    GET float
    DEL float
    EXPIRE key 100
    EXPIRE key bad
    EXPIRE key 100 NX GT
    EXPIRE key 100 OTHER
    PEXPIRE key 100000
    EXPIRE key -1
    EXPIREAT key 1
    EXPIRE key 9223372036854775807
    HSET hash value value
    HSET hash value value value int
    HSET hash value
    HMSET hash value int
    HSETNX hash value value
    HGET hash value
    HMGET hash value value
    HGETALL hash
    HKEYS hash
    HVALS hash
    HDEL hash value
    HDEL hash value value
    HLEN hash
    HEXISTS hash value
    HSTRLEN hash value
    HINCRBY hash value int
    HINCRBYFLOAT hfloat value half
    HGETALL hfloat
    HDEL hfloat value
    LPUSH list value
    RPUSH list value value value
    LPUSHX list value
    RPUSHX list value value
    LPOP list
    RPOP list
    LPOP list count
    RPOP list count
    LPOP list -1
    LRANGE list index index
    LRANGE list 0 -1
    LLEN list
    LINDEX list place
    LTRIM list index index
    LTRIM list 0 6
    LSET list place value
    LINSERT list BEFORE value value
    LINSERT list AFTER value value
    LINSERT list BESIDE value value
    LREM list index value
    SADD set value
    SADD set value value value
    SREM set value value
    SMEMBERS set
    SCARD set
    SISMEMBER set value
    SMISMEMBER set value value
    ZADD zset score value
    ZADD zset score value score value
    ZADD zset NX score value
    ZADD zset XX score value
    ZADD zset XX CH score value
    ZADD zset GT CH score value
    ZADD zset LT score value
    ZADD zset INCR score value
    ZADD zset NX XX score value
    ZADD zset NX GT score value
    ZADD zset score
    ZADD zset bad value
    ZADD zset XX INCR score value
    ZINCRBY zset score value
    ZSCORE zset value
    ZMSCORE zset value value
    ZRANK zset value
    ZREVRANK zset value
    ZCARD zset
    ZCOUNT zset low high
    ZCOUNT zset bad high
    ZLEXCOUNT zlex from to
    ZRANGE zset index index
    ZRANGE zset index index WITHSCORES
    ZRANGE zset index index REV
    ZRANGE zset low high BYSCORE
    ZRANGE zset low high BYSCORE LIMIT 1 2
    ZRANGE zset high low BYSCORE REV WITHSCORES
    ZRANGE zlex from to BYLEX
    ZRANGE zlex to from BYLEX REV LIMIT 0 -1
    ZRANGE zset index index LIMIT 1 2
    ZREVRANGE zset index index WITHSCORES
    ZRANGEBYSCORE zset low high WITHSCORES LIMIT 0 2
    ZREVRANGEBYSCORE zset high low
    ZRANGEBYLEX zlex from to
    ZREVRANGEBYLEX zlex to from
    ZREM zset value value
    ZREMRANGEBYRANK zset index index
    ZREMRANGEBYSCORE zset low high
    ZADD zlex 0 value 0 value
    ZREMRANGEBYLEX zlex from to
    ZPOPMIN zset
    ZPOPMAX zset
    ZPOPMIN zset count
    ZPOPMAX zset count
    PING
    PING value
    ECHO value
    GET
    HSET
    ZADD zset
    SELECT 0
    CLIENT SETNAME me
    CLIENT GETNAME
    BITCOUNT string
    BITCOUNT string span span
    BITCOUNT string span span BIT
    BITPOS string bit
    BITPOS string bit span
    BITPOS string bit span span
    BITPOS string bit span span BIT
    BITPOS string 2
    BITOP AND string string string
    BITOP OR string string string
    BITOP XOR string string string key
    BITOP NOT string string
    BITOP NOT string string string
    BITOP NOR string string
    BITFIELD string GET type offset GET u4 #1
    BITFIELD string SET type offset small INCRBY u2 3 small
    BITFIELD string OVERFLOW SAT INCRBY type offset small OVERFLOW FAIL INCRBY u2 1 small
    BITFIELD string OVERFLOW WRAP SET type offset int
    BITFIELD_RO string GET type offset
    BITFIELD_RO string SET u8 0 1
    SETBIT string offset bit
    SETBIT string offset 2
    SETBIT string -1 1
    GETBIT string offset
    LCS string string
    LCS string string LEN
    LCS string string IDX
    LCS string string IDX WITHMATCHLEN MINMATCHLEN 1
    LCS string string LEN IDX
    COPY any any
    COPY any any REPLACE
    RENAME any any
    RENAMENX any any
    KEYS *
    KEYS s*
    KEYS ?1
    DBSIZE
    SORT list ALPHA
    SORT list
    SORT set ALPHA DESC LIMIT 0 2
    SORT zset ALPHA
    SORT list BY nosort
    SORT zset BY nosort DESC
    SORT list ALPHA GET # GET s* GET h*->a
    SORT list BY s* ALPHA
    SORT list ALPHA STORE list
    SORT set BY nosort STORE list
    SORT_RO list ALPHA DESC
    SORT string
    HRANDFIELD hash count
    HRANDFIELD hash count WITHVALUES
    HRANDFIELD hash -3
    HSCAN hash 0
    HSCAN hash 0 MATCH a*
    HSCAN hash x
    LPOS list value
    LPOS list value RANK -1
    LPOS list value COUNT 0
    LPOS list value RANK 2 COUNT count MAXLEN count
    LPOS list value RANK -2 COUNT 0 MAXLEN 4
    LPOS list value RANK 0
    LPOS list value COUNT -1
    LMPOP 2 list list LEFT
    LMPOP 2 list list RIGHT COUNT 2
    LMPOP 1 list UP
    LMPOP 0 list LEFT
    LMPOP 3 list LEFT
    LMPOP 1 list LEFT COUNT 0
    LMOVE list list LEFT RIGHT
    LMOVE list list RIGHT LEFT
    LMOVE list list UP LEFT
    LMOVE list any RIGHT RIGHT
    RPOPLPUSH list list
    SUNION set set
    SUNION set key
    SINTER set set
    SINTER set set key
    SDIFF set set
    SDIFF set key set
    SUNIONSTORE set set set
    SINTERSTORE set set set
    SDIFFSTORE set set set
    SDIFFSTORE any set set
    SINTERCARD 2 set set
    SINTERCARD 2 set set LIMIT 1
    SINTERCARD 0 set
    SINTERCARD 2 set
    SINTERCARD 1 set LIMIT -1
    SMOVE set set value
    SMOVE set any value
    SRANDMEMBER set count
    SRANDMEMBER set -4
    SSCAN set 0
    SSCAN set 0 MATCH [ab]* COUNT 100
    ZUNION 2 zset zset
    ZUNION 2 zset set WITHSCORES
    ZUNION 2 zset zset WEIGHTS score 2 AGGREGATE MAX WITHSCORES
    ZINTER 2 zset zset WITHSCORES
    ZINTER 2 zset set WEIGHTS 0 1 AGGREGATE MIN WITHSCORES
    ZINTER 2 zset key
    ZDIFF 2 zset zset WITHSCORES
    ZDIFF 2 zset set
    ZDIFF 2 zset zset WEIGHTS 1 1
    ZUNIONSTORE zset 2 zset zset
    ZUNIONSTORE zset 2 zset zset WITHSCORES
    ZINTERSTORE zset 2 zset zset AGGREGATE MIN
    ZDIFFSTORE zset 2 zset zset
    ZUNIONSTORE zset 0 zset
    ZUNION 3 zset zset
    ZUNION 1 zset WEIGHTS
    ZUNION 1 zset WEIGHTS x
    ZUNION 1 zset AGGREGATE AVG
    ZINTERCARD 2 zset zset
    ZINTERCARD 2 zset set LIMIT 1
    ZRANGESTORE zset zset index index
    ZRANGESTORE zset zset low high BYSCORE LIMIT 0 2
    ZRANGESTORE zset zset high low BYSCORE REV
    ZRANGESTORE zset zset 0 1 WITHSCORES
    ZMPOP 2 zset zset MIN
    ZMPOP 2 zset zset MAX COUNT 2
    ZMPOP 1 zset MID
    ZRANDMEMBER zset count
    ZRANDMEMBER zset count WITHSCORES
    ZRANDMEMBER zset -3 WITHSCORES
    ZSCAN zset 0
    ZSCAN zset 0 MATCH ?
    PUBLISH channel value
    PUBSUB NUMPAT
    PUBSUB CHANNELS
    PUBSUB NUMSUB channel
    FLUSHDB BADLY
    COMMAND GETKEYS LMPOP 2 a b LEFT
    COMMAND GETKEYS ZUNIONSTORE t 2 a b
    COMMAND GETKEYS MSET a 1 b 2
    COMMAND GETKEYS PING
    CLIENT NO-EVICT ON
    CLIENT GETREDIR
";

fn fill(word: &str, random: &mut Rng) -> String {
    let one = |random: &mut Rng, words: &[&str]| words[random.usize(0..words.len())].to_owned();
    let of_type = |random: &mut Rng, own: &[&str]| match random.u8(0..20) {
        0 => one(random, &["s1", "h1", "l1", "t1", "z1"]),
        _ => one(random, own),
    };
    match word {
        "key" => one(random, &["s1", "s2", "h1", "h2", "l1", "l2", "t1", "t2", "z1", "z2", "x1"]),
        "any" => one(random, &["s1", "s2", "h1", "l1", "l2", "t1", "t2", "z1", "z2"]),
        "string" => of_type(random, &["s1", "s2"]),
        "hash" => of_type(random, &["h1", "h2"]),
        "list" => of_type(random, &["l1", "l2"]),
        "set" => of_type(random, &["t1", "t2"]),
        "zset" => of_type(random, &["z1", "z2"]),
        "zlex" => "x1".to_owned(),
        "span" => one(random, &["0", "1", "2", "9", "-1", "-2", "-5"]),
        "bit" => one(random, &["0", "1"]),
        "offset" => one(random, &["0", "7", "9", "20", "x"]),
        "type" => one(random, &["u8", "i5", "i64", "u63", "u64", "i1", "x8"]),
        "small" => one(random, &["0", "1", "-1", "3", "100"]),
        "float" => of_type(random, &["f1"]),
        "hfloat" => of_type(random, &["f2"]),
        "place" => one(random, &["0", "1", "-1", "-5", "10"]),
        "value" => one(random, &["a", "b", "c", "", "ab", "b c", "\u{e9}", "7"]),
        "int" => one(random, &["0", "1", "-3", "9223372036854775807", "-9223372036854775808", "01", "x"]),
        "half" => one(random, &["0.5", "-0.25", "2", "x", "1e3"]),
        "amount" => one(random, &["0.5", "-0.25", "2", "1e3"]),
        "index" => one(random, &["0", "1", "2", "3", "-1", "-2", "-5", "10", "x"]),
        "count" => one(random, &["0", "1", "2", "5"]),
        "score" => one(random, &["0", "1", "2.5", "-1", "1", "inf", "-inf"]),
        "low" => one(random, &["-inf", "0", "(0", "1", "(1"]),
        "high" => one(random, &["+inf", "1", "(1", "2.5", "(2.5", "-1"]),
        "from" => one(random, &["-", "[a", "(a", "[ab"]),
        "to" => one(random, &["+", "[b", "(c", "[\u{e9}"]),
        other => other.to_owned(),
    }
}

/// An answer without what differs on purpose.
fn comparable(words: &[String], answer: Answer) -> Answer {
    match (words[0].as_str(), answer) {
        (_, Answer::Error(text)) => Answer::Error(text.split(' ').next().unwrap_or_default().to_owned()),
        ("HGETALL", Answer::Array(parts) | Answer::Map(parts)) => {
            let mut pairs: Vec<_> = parts.chunks(2).map(|pair| Answer::Array(pair.to_vec())).collect();
            pairs.sort();
            Answer::Array(pairs)
        }
        ("SMEMBERS", Answer::Set(mut elements)) => {
            elements.sort();
            Answer::Set(elements)
        }
        ("SUNION" | "SINTER" | "SDIFF", Answer::Set(mut elements)) => {
            elements.sort();
            Answer::Set(elements)
        }
        (
            "SMEMBERS" | "HKEYS" | "HVALS" | "SUNION" | "SINTER" | "SDIFF" | "KEYS",
            Answer::Array(mut elements),
        ) => {
            elements.sort();
            Answer::Array(elements)
        }
        // Of a set in no order, and equal elements of one neither.
        ("SORT", Answer::Array(mut elements)) if words.iter().any(|word| word == "BY") => {
            elements.sort();
            Answer::Array(elements)
        }
        ("HSCAN" | "SSCAN" | "ZSCAN", Answer::Array(mut page)) => {
            let each = if words[0] == "SSCAN" { 1 } else { 2 };
            if let Some(Answer::Array(elements)) = page.pop() {
                let mut sorted: Vec<_> =
                    elements.chunks(each).map(|part| Answer::Array(part.to_vec())).collect();
                sorted.sort();
                page.push(Answer::Array(sorted));
            }
            Answer::Array(page)
        }
        // Chance: as many, and of the same form.
        ("SRANDMEMBER" | "HRANDFIELD" | "ZRANDMEMBER", Answer::Array(elements)) => {
            let form = |answer: &Answer| match answer {
                Answer::Array(parts) => Answer::Integer(parts.len() as i64),
                _ => Answer::Null,
            };
            Answer::Array(elements.iter().map(form).collect())
        }
        (_, answer) => positive(answer),
    }
}

/// The same with 0 for -0.
fn positive(answer: Answer) -> Answer {
    let all = |answers: Vec<Answer>| answers.into_iter().map(positive).collect();
    match answer {
        Answer::Bytes(text) if text == b"-0" => Answer::text("0"),
        Answer::Score(text) if text == "-0" => Answer::Score("0".to_owned()),
        Answer::Array(answers) => Answer::Array(all(answers)),
        other => other,
    }
}
