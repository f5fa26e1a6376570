//! The answers of every command beside those of Redis 7.0, on random commands.
//!
//! Where they differ on purpose, the commands are not among those drawn, or the answers are made
//! comparable first:
//!
//! - an item without a time to live has the longest one here, so TTL and PERSIST answer otherwise;
//! - sets and hashes come in another order;
//! - fractions are written in their shortest form here, as in Redis 7.2, and INCRBYFLOAT computes in 64
//!   bits, not 80;
//! - arguments are looked at before the item here, so a wrong one is told whatever is stored; Redis'
//!   GETEX, LINDEX and LSET look at the item first;
//! - SPOP, SRANDMEMBER: chance;
//! - texts of errors differ behind the code, and so do those of commands that are not there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::process::{Child, Command, Stdio};

use common::resp::{Answer, Resp, command};
use common::{PATIENCE, Server, free_address};
use fastrand::Rng;

/// Commands of each version of the protocol.
const COMMANDS: usize = 12_000;
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
    let mut redis = Command::new("redis-server");
    redis.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    let Ok(child) = redis.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
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
        eprintln!("SKIPPED: the redis-server on PATH is not version 7.0, whose answers these are");
        return;
    }
    let mut differences = Vec::new();
    let mut random = Rng::with_seed(0x5EED);
    for version in ["2", "3"] {
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
    INCRBYFLOAT float half
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
";

fn fill(word: &str, random: &mut Rng) -> String {
    let one = |random: &mut Rng, words: &[&str]| words[random.usize(0..words.len())].to_owned();
    let of_type = |random: &mut Rng, own: &[&str]| match random.u8(0..20) {
        0 => one(random, &["s1", "h1", "l1", "t1", "z1"]),
        _ => one(random, own),
    };
    match word {
        "key" => one(random, &["s1", "s2", "h1", "h2", "l1", "l2", "t1", "t2", "z1", "z2", "x1"]),
        "string" => of_type(random, &["s1", "s2"]),
        "hash" => of_type(random, &["h1", "h2"]),
        "list" => of_type(random, &["l1", "l2"]),
        "set" => of_type(random, &["t1", "t2"]),
        "zset" => of_type(random, &["z1", "z2"]),
        "zlex" => "x1".to_owned(),
        "float" => of_type(random, &["f1"]),
        "hfloat" => of_type(random, &["f2"]),
        "place" => one(random, &["0", "1", "-1", "-5", "10"]),
        "value" => one(random, &["a", "b", "c", "", "ab", "b c", "\u{e9}", "7"]),
        "int" => one(random, &["0", "1", "-3", "9223372036854775807", "-9223372036854775808", "01", "x"]),
        "half" => one(random, &["0.5", "-0.25", "2", "x", "1e3"]),
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
        ("SMEMBERS" | "HKEYS" | "HVALS", Answer::Array(mut elements)) => {
            elements.sort();
            Answer::Array(elements)
        }
        (_, answer) => answer,
    }
}
