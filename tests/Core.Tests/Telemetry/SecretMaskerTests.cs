using System.Text;
using IsolatedAgents.Reports;
using IsolatedAgents.Text;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Core.Tests.Telemetry;

[TestClass]
public sealed class SecretMaskerTests
{
    private const string Secret = "s3cr3t \"value\"/é+";

    [TestMethod]
    [DataRow(0)]
    [DataRow(1)]
    [DataRow(2)]
    [DataRow(3)]
    public void Mask_Base64InAnyPhase_HidesTheSecret(int before)
    {
        var masker = new SecretMasker([Secret]);
        string text = Convert.ToBase64String(Encoding.UTF8.GetBytes(new string('x', before) + Secret + "tail"));

        string masked = masker.Mask(text);

        Assert.Contains("***", masked);
        Assert.IsLessThan(text.Length - (Secret.Length - 3), masked.Length);
    }

    [TestMethod]
    public void Mask_Base64_LeavesNoCharacterThatHoldsTheLastBits()
    {
        foreach (string secret in (string[])["sk-live-0123", "sk-live-01234", "sk-live-012345"])
        {
            var masker = new SecretMasker([secret]);
            foreach (string before in (string[])["", "u", "us"])
            {
                string coded = Convert.ToBase64String(Encoding.ASCII.GetBytes(before + secret + "~~~"));
                string masked = masker.Mask(coded);
                int bits = (before.Length + secret.Length) * 8;
                Assert.EndsWith("***" + coded[((bits + 5) / 6)..], masked, $"{before} {secret}");
            }
        }
    }

    [TestMethod]
    [DataRow(3)]
    [DataRow(4)]
    [DataRow(7)]
    public void Mask_ShortPiecesOnLinesOfTheirOwn_LeavesLessThanHalf(int size)
    {
        const string Long = "Sk_Live_0123456789abcdef";
        List<string> lines = [];
        var decoder = new LineDecoder(new SecretMasker([Long]), (line, _) => lines.Add(line));
        decoder.Write(
            Encoding.ASCII.GetBytes("begin\n" + string.Join("\n\n", Long.Chunk(size).Select(piece => new string(piece))) + "\nend\n")
        );
        decoder.Flush();
        int shown = lines
            .Where(line => line.Length > 0 && line != "begin" && line != "end" && line != "***")
            .Sum(line => line.Replace("***", "", StringComparison.Ordinal).Length);
        Assert.IsLessThan(Long.Length / 2, shown, string.Join('|', lines));
        Assert.AreEqual("end", lines[^1]);
    }

    [TestMethod]
    public void Mask_TextThatIsEscapedForAPage_IsMaskedBeforeAndAfter()
    {
        var masker = new SecretMasker(["Sk_Live_0123456789"]);
        Assert.AreEqual("out&#47;&#42;&#42;&#42;.md", InertHtml.Encode("out/Sk_Live_0123456789.md", 100, masker));
        Assert.AreEqual("a ***", InertHtml.Encode("a x_y", 100, new SecretMasker(["x&#95;y"])));
    }

    [TestMethod]
    public void Mask_UsualForms_HidesEach()
    {
        var masker = new SecretMasker([Secret]);
        byte[] bytes = Encoding.UTF8.GetBytes(Secret);
        string[] forms =
        [
            Secret,
            Uri.EscapeDataString(Secret),
            Uri.EscapeDataString(Secret).ToLowerInvariant(),
            Convert.ToHexString(bytes),
            Convert.ToHexStringLower(bytes),
            System.Text.Json.JsonEncodedText.Encode(Secret).Value,
            "s3cr3t \\\"value\\\"/é+",
        ];

        foreach (string form in forms)
        {
            Assert.AreEqual("a***b", masker.Mask($"a{form}b"), form);
        }
    }

    [TestMethod]
    public void Mask_SecretOfSeveralLines_HidesEachLine()
    {
        var masker = new SecretMasker(["-----BEGIN\nabcdefgh\r\nxy\n"]);

        Assert.AreEqual("1 ***", masker.Mask("1 abcdefgh"));
        Assert.AreEqual("xy", masker.Mask("xy"));
    }

    [TestMethod]
    public void Mask_OneSecretInsideAnother_HidesTheLongerOne()
    {
        Assert.AreEqual("***!", new SecretMasker(["pass", "password"]).Mask("password!"));
    }

    [TestMethod]
    public void Mask_NothingToHide_IsTheSameInstance()
    {
        string text = new('x', 10);

        Assert.AreSame(text, new SecretMasker([Secret]).Mask(text));
        Assert.AreSame(text, SecretMasker.None.Mask(text));
    }
}
