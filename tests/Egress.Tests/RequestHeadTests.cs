using System.Security.Cryptography;
using System.Text;
using IsolatedAgents.Egress.FirstBytes;
using IsolatedAgents.Egress.Http;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress.Tests;

/// <summary>Requests that two readers could take differently are refused.</summary>
[TestClass]
public sealed class RequestHeadTests
{
    private static readonly EgressTarget Target = new("a.test", 8080);

    [TestMethod]
    [DataRow("GET /x?q HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET /x None", DisplayName = "path")]
    [DataRow("GET / HTTP/1.1\r\nhOsT:A.TEST.:8080 \r\n\r\n", "GET / None", DisplayName = "case, dot, port, blank")]
    [DataRow("GET http://a.test:8080/y HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET /y None", DisplayName = "absolute form")]
    [DataRow("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", "OPTIONS * None", DisplayName = "asterisk form")]
    [DataRow("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 12\r\n\r\n", "POST / Length", DisplayName = "length")]
    [DataRow("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: Chunked\r\n\r\n", "POST / Chunked", DisplayName = "chunked")]
    [DataRow("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n", "GET / None", DisplayName = "HTTP/1.0")]
    public void Parse_PlainRequest_IsTaken(string head, string expected)
    {
        RequestHead parsed = RequestHead.Parse(Encoding.Latin1.GetBytes(head), Target);
        Assert.AreEqual(expected, $"{parsed.Method} {parsed.Path} {parsed.Body.Kind}");
        Assert.AreEqual(head, Encoding.Latin1.GetString(parsed.Forwarded.Span));
    }

    [TestMethod]
    [DataRow("GET / HTTP/1.1\r\n\r\n", DisplayName = "no Host")]
    [DataRow("GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n", DisplayName = "two Hosts")]
    [DataRow("GET / HTTP/1.1\r\nHost: b.test\r\n\r\n", DisplayName = "another Host")]
    [DataRow("GET / HTTP/1.1\r\nHost: a.test.b.test\r\n\r\n", DisplayName = "Host that begins alike")]
    [DataRow("GET / HTTP/1.1\r\nHost: a.test:80\r\n\r\n", DisplayName = "another port")]
    [DataRow("GET / HTTP/1.1\r\nHost: a.test@b.test\r\n\r\n", DisplayName = "user in Host")]
    [DataRow("GET / HTTP/1.1\r\nHost : a.test\r\n\r\n", DisplayName = "blank before the colon")]
    [DataRow("GET / HTTP/1.1\r\nHost: a.test\r\n X: y\r\n\r\n", DisplayName = "folded line")]
    [DataRow("GET / HTTP/1.1\r\nHost: a.test\r\nX: a\rb\r\n\r\n", DisplayName = "bare CR")]
    [DataRow("GET / HTTP/1.1\r\nHost: a.test\r\nX: a\0b\r\n\r\n", DisplayName = "NUL")]
    [DataRow("GET / HTTP/1.1\r\nHost: a.test\nX: y\r\n\r\n", DisplayName = "bare LF")]
    [DataRow("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", DisplayName = "CL.TE")]
    [DataRow("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", DisplayName = "CL.CL")]
    [DataRow("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1, 1\r\n\r\n", DisplayName = "CL list")]
    [DataRow("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: +1\r\n\r\n", DisplayName = "CL sign")]
    [DataRow("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0x1\r\n\r\n", DisplayName = "CL hex")]
    [DataRow("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", DisplayName = "TE twice")]
    [DataRow("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: xchunked\r\n\r\n", DisplayName = "TE unknown")]
    [DataRow("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: identity\r\n\r\n", DisplayName = "TE identity")]
    [DataRow("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer_Encoding: chunked\r\n\r\n", DisplayName = "TE in disguise")]
    [DataRow("POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n", DisplayName = "TE in HTTP/1.0")]
    [DataRow("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: host\r\n\r\n", DisplayName = "Connection that drops Host")]
    [DataRow("CONNECT a.test:8080 HTTP/1.1\r\nHost: a.test\r\n\r\n", DisplayName = "CONNECT")]
    [DataRow("GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", DisplayName = "another host in the target")]
    [DataRow("GET http://a.test@b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", DisplayName = "user in the target")]
    [DataRow("GET https://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", DisplayName = "another scheme")]
    [DataRow("GET //b.test HTTP/1.1 HTTP/1.1\r\nHost: a.test\r\n\r\n", DisplayName = "two versions")]
    [DataRow("GET / HTTP/2.0\r\nHost: a.test\r\n\r\n", DisplayName = "HTTP/2.0")]
    [DataRow("GET /\r\n\r\n", DisplayName = "HTTP/0.9")]
    [DataRow("G(T / HTTP/1.1\r\nHost: a.test\r\n\r\n", DisplayName = "method that is no token")]
    [DataRow("GET  / HTTP/1.1\r\nHost: a.test\r\n\r\n", DisplayName = "two blanks")]
    [DataRow("GET\t/ HTTP/1.1\r\nHost: a.test\r\n\r\n", DisplayName = "tab")]
    public void Parse_AmbiguousRequest_IsRefused(string head) =>
        Assert.ThrowsExactly<EgressRefusedException>(() => RequestHead.Parse(Encoding.Latin1.GetBytes(head), Target));

    [TestMethod]
    public void Parse_AnyBytes_AreTakenOrRefused()
    {
        byte[] sound = Encoding.Latin1.GetBytes(
            "POST http://a.test/x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
        );
        for (int i = 0; i < 50_000; i++)
        {
            byte[] changed = [.. sound];
            changed[RandomNumberGenerator.GetInt32(changed.Length)] = (byte)RandomNumberGenerator.GetInt32(256);
            changed[RandomNumberGenerator.GetInt32(changed.Length)] = (byte)RandomNumberGenerator.GetInt32(256);
            try
            {
                _ = RequestHead.Parse(changed.AsSpan(0, RandomNumberGenerator.GetInt32(changed.Length + 1)), Target);
            }
            catch (EgressRefusedException)
            {
                // As it should be.
            }
        }
    }

    [TestMethod]
    [DataRow("5\r\nhello\r\n0\r\n\r\n", 15, true)]
    [DataRow("5;x=y\r\nhello\r\n0\r\nT: v\r\n\r\nGET", 25, true)]
    [DataRow("5\nhello\n0\n\n", 0, false)]
    [DataRow("5\r\nhelloX\r\n", 0, false)]
    [DataRow("-5\r\n", 0, false)]
    [DataRow("FFFFFFFFFFFFFFFFF\r\n", 0, false)]
    [DataRow("0\r\n folded\r\n\r\n", 0, false)]
    [DataRow("5;\nX\r\n", 0, false)]
    [DataRow(" 5\r\n", 0, false)]
    public void Chunks_AreFollowedToTheirEnd(string body, int taken, bool isSound)
    {
        foreach (int size in (int[])[1, 3, 1000])
        {
            ChunkedBody chunks = new();
            int total = 0;
            bool isTaken = true;
            foreach (byte[] piece in Encoding.Latin1.GetBytes(body).Chunk(size))
            {
                isTaken = isTaken && chunks.TryTake(piece, out int part) && (total += part) >= 0;
            }

            Assert.AreEqual(isSound, isTaken && chunks.IsDone, $"in pieces of {size}");
            Assert.IsTrue(!isSound || total == taken, $"{total}");
        }
    }

    [TestMethod]
    [DataRow("GE", true)]
    [DataRow("\r\nm-search", true)]
    [DataRow("GET /1", true)]
    [DataRow("\u0016", true)]
    [DataRow("1", false)]
    [DataRow("+PONG", false)]
    [DataRow("user1", false)]
    public void FirstBytes_OnlyWhatMayBecomeARequestOrTlsIsWaitedFor(string bytes, bool isWorth) =>
        Assert.AreEqual(isWorth, FirstBytesRules.IsWorthAWait(Encoding.Latin1.GetBytes(bytes)));

    [TestMethod]
    [DataRow("", FirstBytesKind.Undecided)]
    [DataRow("G", FirstBytesKind.Undecided)]
    [DataRow("GET / HT", FirstBytesKind.Undecided)]
    [DataRow("GET / HTTP/1.1\r\n", FirstBytesKind.Http)]
    [DataRow("\r\n\r\nFOO /x HTTP/1.1\n", FirstBytesKind.Http)]
    [DataRow("GET /\n", FirstBytesKind.Http)]
    [DataRow("\u0016", FirstBytesKind.Undecided)]
    [DataRow("\u0016\u0003", FirstBytesKind.Tls)]
    [DataRow("\u0016\u0004", FirstBytesKind.Other)]
    [DataRow("SSH-2.0-OpenSSH\r\n", FirstBytesKind.Other)]
    [DataRow("EHLO host\r\n", FirstBytesKind.Other)]
    [DataRow("*1\r\n$4\r\nPING\r\n", FirstBytesKind.Other)]
    [DataRow("\0\0\0\u0008\u0004\u00d2\u0016\u002f", FirstBytesKind.Other)]
    [DataRow("\u0080.", FirstBytesKind.Other)]
    public void FirstBytes_TellTheProtocol(string bytes, object expected) =>
        Assert.AreEqual((FirstBytesKind)expected, FirstBytesRules.Classify(Encoding.Latin1.GetBytes(bytes), false));
}
