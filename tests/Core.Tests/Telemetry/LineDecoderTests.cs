using System.Text;
using IsolatedAgents.Text;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Core.Tests.Telemetry;

[TestClass]
public sealed class LineDecoderTests
{
    private const int Max = UntrustedText.MaxLength;

    [TestMethod]
    [DataRow(1)]
    [DataRow(2)]
    [DataRow(3)]
    [DataRow(1000)]
    public void Write_AnyChunks_GivesTheSameLines(int chunk)
    {
        byte[] bytes = [.. Encoding.UTF8.GetBytes("é😀\na\r\nb\rc\n\n\r\n\r\r\nd"), 0xFF, .. "e"u8];

        Assert.AreEqual("é😀|a|b|c|||||d\uFFFDe", string.Join('|', Decode(bytes, chunk, SecretMasker.None).Select(line => line.Line)));
    }

    [TestMethod]
    public void Flush_IncompleteCharacter_IsReplaced()
    {
        Assert.AreEqual("a\uFFFD", Decode([(byte)'a', 0xF0, 0x9F], 1, SecretMasker.None).Single().Line);
    }

    [TestMethod]
    public void Flush_NothingLeft_GivesNoLine()
    {
        Assert.HasCount(1, Decode("a\n"u8.ToArray(), 1, SecretMasker.None));
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(4096)]
    [DataRow(1_000_000)]
    public void Write_LongLine_LosesNothing(int chunk)
    {
        string text = string.Concat(Enumerable.Range(0, 20_000).Select(i => $"😀{i}"));

        List<(string Line, bool Continues)> lines = Decode(Encoding.UTF8.GetBytes(text + "\nnext"), chunk, SecretMasker.None);

        Assert.AreEqual(text, string.Concat(lines.SkipLast(1).Select(line => line.Line)));
        Assert.AreEqual("next", lines[^1].Line);
        foreach ((string line, bool continues) in lines.SkipLast(2))
        {
            Assert.IsTrue(continues);
            Assert.IsLessThanOrEqualTo(Max, line.Length);
            Assert.IsFalse(char.IsHighSurrogate(line[^1]));
        }

        Assert.IsFalse(lines[^2].Continues);
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(7)]
    [DataRow(100_000)]
    public void Write_SecretAcrossAnyBoundary_IsMasked(int chunk)
    {
        var masker = new SecretMasker(["hunter2hunter"]);
        foreach (int before in new[] { 0, Max - 20, Max - 13, Max - 12, Max - 1, Max, Max + 1, (2 * Max) - 5 })
        {
            string text = new string('x', before) + "hunter2hunterhunter2hunter-" + new string('y', 100);

            string shown = string.Concat(Decode(Encoding.UTF8.GetBytes(text), chunk, masker).Select(line => line.Line));

            Assert.AreEqual(new string('x', before) + "******-" + new string('y', 100), shown, $"after {before}");
        }
    }

    [TestMethod]
    [DataRow("hunter2hunter")]
    [DataRow("hunter2hunter2")]
    public void Write_Base64ThatEndsAtTheCut_LeavesNoCharacterOfItsTail(string secret)
    {
        string coded = Convert.ToBase64String(Encoding.ASCII.GetBytes(secret + "~~~~")).TrimEnd('=');
        string form = coded[..(secret.Length * 8 / 6)];
        var masker = new SecretMasker([secret]);
        string text = new string('-', Max - form.Length) + coded + new string('y', 100);

        string shown = string.Concat(Decode(Encoding.UTF8.GetBytes(text), 1000, masker).Select(line => line.Line));

        Assert.AreEqual(new string('-', Max - form.Length) + "***" + coded[(form.Length + 1)..] + new string('y', 100), shown);
    }

    private static List<(string Line, bool Continues)> Decode(byte[] bytes, int chunk, SecretMasker masker)
    {
        var lines = new List<(string Line, bool Continues)>();
        var decoder = new LineDecoder(masker, (line, continues) => lines.Add((line, continues)));
        for (int i = 0; i < bytes.Length; i += chunk)
        {
            decoder.Write(bytes.AsSpan(i, Math.Min(chunk, bytes.Length - i)));
        }

        decoder.Flush();
        return lines;
    }
}
