using System.Net;
using System.Text;
using IsolatedAgents.Supervisor.Egress;

namespace IsolatedAgents.Supervisor.Tests.Egress;

/// <summary>Questions come from the agent: each gets a right answer, an error, or nothing, and none gets more than its due.</summary>
[TestClass]
public sealed class DnsMessageTests
{
    private const int Seed = 20261126;
    private const int Rounds = 200_000;

    // A question for the address of a.test: RFC 1035, 4.1.
    private static readonly byte[] Question = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, .. "a"u8, 4, .. "test"u8, 0, 0, 1, 0, 1];

    // RFC 6891, 6.1.2: of 4096 bytes.
    private static readonly byte[] Option = [0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0];

    [TestMethod]
    public void Respond_Question_IsAnsweredWithItsIdentifierAndQuestion()
    {
        byte[] response = Ask(Question, question =>
        {
            Assert.AreEqual("a.test", Encoding.ASCII.GetString(question.Name));
            Assert.IsTrue(question is { WantsIPv4: true, WantsIPv6: false, IsAmbiguous: false });
            return new NameAnswer(NameState.Known, IPAddress.Parse("198.18.0.1"));
        });
        byte[] expected =
        [
            0x12,
            0x34,
            0x81,
            0x80,
            0,
            1,
            0,
            1,
            0,
            0,
            0,
            0,
            .. Question[12..],
            0xC0,
            0x0C,
            0,
            1,
            0,
            1,
            0,
            0,
            0,
            60,
            0,
            4,
            198,
            18,
            0,
            1,
        ];
        CollectionAssert.AreEqual(expected, response);
    }

    [TestMethod]
    [DataRow(1, true, false, DisplayName = "A")]
    [DataRow(28, false, true, DisplayName = "AAAA")]
    [DataRow(255, true, false, DisplayName = "ANY")]
    [DataRow(16, false, false, DisplayName = "TXT")]
    [DataRow(65, false, false, DisplayName = "HTTPS")]
    public void Respond_Type_SaysWhichAddressIsWanted(int type, bool wantsIPv4, bool wantsIPv6)
    {
        byte[] question = [.. Question];
        (question[^4], question[^3]) = (0, (byte)type);
        byte[] response = Ask(question, asked =>
        {
            Assert.AreEqual((wantsIPv4, wantsIPv6), (asked.WantsIPv4, asked.WantsIPv6));
            return new NameAnswer(NameState.Known);
        });
        Assert.AreEqual((0, 0), (Code(response), response[7]), "it exists, and has no such thing");
    }

    [TestMethod]
    public void Respond_UnknownAndFailed_AreTold()
    {
        Assert.AreEqual(3, Code(Ask(Question, _ => new NameAnswer(NameState.Unknown))));
        Assert.AreEqual(2, Code(Ask(Question, _ => new NameAnswer(NameState.Failed))));
    }

    [TestMethod]
    public void Respond_ExtendedQuestion_GetsAnOptionOfItsOwn()
    {
        byte[] question = [.. Question, .. Option];
        question[11] = 1;
        byte[] response = Ask(question, _ => new NameAnswer(NameState.Unknown));
        Assert.AreEqual((3, (byte)1), (Code(response), response[11]));
        CollectionAssert.AreEqual(new byte[] { 0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0 }, response[^11..]);
        question[Question.Length + 6] = 1;
        response = Ask(question, Never);
        Assert.AreEqual((0, (byte)1), (Code(response), response[^6]), "BADVERS is 16, of which the option holds the upper bits");
    }

    [TestMethod]
    [DataRow(new byte[] { 0x12 }, 0, DisplayName = "too short for a header")]
    [DataRow(new byte[] { 0x12, 0x34, 0x81, 0, 0, 1, 0, 0, 0, 0, 0, 0 }, 0, DisplayName = "an answer")]
    public void Respond_NoQuestionAtAll_IsNotAnswered(byte[] message, int length) => Assert.HasCount(length, Ask(message, Never));

    [TestMethod]
    [DataRow(2, 0x29, 4, DisplayName = "another operation is not implemented")]
    [DataRow(5, 0, 1, DisplayName = "no question")]
    [DataRow(5, 2, 1, DisplayName = "two questions")]
    [DataRow(7, 1, 1, DisplayName = "an answer in a question")]
    [DataRow(12, 0xC0, 1, DisplayName = "a pointer")]
    [DataRow(12, 64, 1, DisplayName = "a label over its bound")]
    [DataRow(12, 63, 1, DisplayName = "a label past the end")]
    [DataRow(19, 9, 1, DisplayName = "a name without an end")]
    [DataRow(23, 3, 5, DisplayName = "another class is refused")]
    public void Respond_Malformed_IsTheErrorThatItDeserves(int offset, int value, int code)
    {
        byte[] question = [.. Question];
        question[offset] = (byte)value;
        Assert.AreEqual(code, Code(Ask(question, Never)));
    }

    [TestMethod]
    public void Respond_DotInALabel_IsAmbiguous()
    {
        byte[] question = [.. Question];
        question[15] = (byte)'.';
        Ask(question, asked =>
        {
            Assert.IsTrue(asked.IsAmbiguous);
            return new NameAnswer(NameState.Unknown);
        });
    }

    [TestMethod]
    public void Respond_LongestName_FitsWithEverythingBehindIt()
    {
        byte[] label = [63, .. Enumerable.Repeat((byte)'x', 63)];
        byte[] name = [.. label, .. label, .. label, 60, .. Enumerable.Repeat((byte)'y', 60), 0];
        byte[] question = [.. Question[..12], .. name, 0, 28, 0, 1, .. Option];
        question[11] = 1;
        byte[] response = Ask(question, asked => new NameAnswer(NameState.Known, IPAddress.IPv6Loopback));
        Assert.AreEqual(0, Code(response));
        Assert.IsLessThanOrEqualTo(DnsMessage.MaxResponse, response.Length);
    }

    [TestMethod]
    public void Respond_ChangedBytes_NeverBreaksAndNeverAnswersMoreThanItHasRoomFor()
    {
        Random random = new(Seed);
        byte[] whole = [.. Question, .. Option];
        for (int i = 0; i < Rounds; i++)
        {
            byte[] message = whole[..random.Next(whole.Length + 1)];
            for (int changes = random.Next(6); changes > 0 && message.Length > 0; changes--)
            {
                message[random.Next(message.Length)] = (byte)random.Next(256);
            }

            byte[] response = Ask(message, _ => new NameAnswer(NameState.Known, IPAddress.IPv6Loopback));
            Assert.IsTrue(
                response.Length == 0
                    || (response.Length >= 12 && (response[2] & 0x80) != 0 && response.AsSpan(0, 2).SequenceEqual(message.AsSpan(0, 2)))
            );
        }
    }

    private static NameAnswer Never(NameQuestion question) => throw new InvalidOperationException("This is nothing to look up.");

    private static int Code(byte[] response) => response[3] & 0xF;

    private static byte[] Ask(byte[] message, DnsMessage.Lookup lookup)
    {
        byte[] response = new byte[DnsMessage.MaxResponse];
        return response[..DnsMessage.Respond(message, response, lookup)];
    }
}
