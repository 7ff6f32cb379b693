using System.Buffers;
using System.Text;
using IsolatedAgents.Egress.Credentials;

namespace IsolatedAgents.Egress.Tests.Credentials;

/// <summary>
/// A secret in an answer becomes its placeholder in whatever form and pieces it comes, and nothing else is changed or held back.
/// </summary>
[TestClass]
public sealed class AnswerFilterTests
{
    private const string Secret = "sk-real/0123+45_6789=Az";
    private const string Placeholder = "ia-placeholder-1";

    private static readonly SecretForms Forms = new([(Secret, Placeholder)]);

    public static IEnumerable<object[]> Disguises() =>
        [
            ["plain", Secret],
            ["percent", Uri.EscapeDataString(Secret)],
            ["percent of every byte, in lower case", string.Concat(Secret.Select(c => $"%{(int)c:x2}"))],
            ["percent, twice", Uri.EscapeDataString(Uri.EscapeDataString(Secret))],
            ["JSON", string.Concat(Secret.Select(c => $"\\u{(int)c:X4}"))],
            ["JSON of some", Secret.Replace("/", "\\/", StringComparison.Ordinal).Replace("+", "\\u002B", StringComparison.Ordinal)],
            ["JSON in JSON", Secret.Replace("/", "\\\\\\/", StringComparison.Ordinal).Replace("+", "\\\\u002b", StringComparison.Ordinal)],
            ["HTML", Secret.Replace("/", "&#x2F;", StringComparison.Ordinal).Replace("+", "&#43;", StringComparison.Ordinal)],
        ];

    [TestMethod]
    [DynamicData(nameof(Disguises))]
    public void Secret_Disguised_IsReplacedHoweverItIsCut(string name, string disguised)
    {
        string text = $"{{\"headers\":{{\"authorization\":\"Bearer {disguised}\"}},\"s\":\"sk-re\"}}";
        string expected = text.Replace(disguised, Placeholder, StringComparison.Ordinal);
        foreach (int size in (int[])[1, 2, 3, 7, 1000])
        {
            (string result, bool hasFound) = Filter(text, size);
            Assert.AreEqual(expected, result, $"{name} in pieces of {size}");
            Assert.IsTrue(hasFound);
        }
    }

    [TestMethod]
    public void Secret_InBase64_IsReplacedAtEveryAlignment()
    {
        foreach (string before in (string[])["", "u", "us", "user:", "Bearer ", "long before it: "])
        {
            foreach (string after in (string[])["", "x", "xy", ":more"])
            {
                string coded = Convert.ToBase64String(Encoding.ASCII.GetBytes(before + Secret + after));
                string wrapped = string.Join("\r\n", coded.Chunk(20).Select(line => new string(line)));
                foreach (
                    string text in (string[])
                        [coded, coded.Replace('+', '-').Replace('/', '_').TrimEnd('='), wrapped, Uri.EscapeDataString(coded)]
                )
                {
                    foreach (int size in (int[])[1, 5, 1000])
                    {
                        (string result, bool hasFound) = Filter($"\"{text}\"", size);
                        Assert.IsTrue(hasFound, $"'{before}', '{after}', {size}: {text}");
                        Assert.Contains(Placeholder, result);

                        // What is left is too little of either end to tell any byte of the secret.
                        string left = Uri.UnescapeDataString(result.Replace("\r\n", "", StringComparison.Ordinal))
                            .Replace('-', '+')
                            .Replace('_', '/');
                        Assert.DoesNotContain(Convert.ToBase64String(Encoding.ASCII.GetBytes(Secret))[4..12], left);
                        Assert.IsLessThan(text.Length - (Secret.Length * 4 / 3) + Placeholder.Length + 5, result.Length);
                    }
                }
            }
        }
    }

    [TestMethod]
    [DataRow("data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n")]
    [DataRow("sk-rea sk-real/ %73k sk\\u002d c2s c2stcmVhb &amp; 100% \\\" & \\")]
    [DataRow("sk-real/0123+45_6789=A")]
    [DataRow("%%%%\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\&&&&&#&#x")]
    public void Text_WithoutTheSecret_IsPassedOnAsItIs(string text)
    {
        foreach (int size in (int[])[1, 4, 1000])
        {
            Assert.AreEqual((text, false), Filter(text, size));
        }
    }

    [TestMethod]
    public void Text_ThatCannotBeginASecret_IsNotHeldBack()
    {
        AnswerFilter filter = new(Forms);
        foreach (string piece in (string[])["data: one\n\n", "tokens ", "H", "e", "l", "lo\n", "{\"a\":1}", "s-", "sk-x", "100% of"])
        {
            ArrayBufferWriter<byte> output = new();
            filter.Write(Encoding.ASCII.GetBytes(piece), output);
            Assert.AreEqual(piece, Encoding.ASCII.GetString(output.WrittenSpan));
        }

        ArrayBufferWriter<byte> held = new();
        filter.Write("token sk-re"u8, held);
        Assert.AreEqual("token ", Encoding.ASCII.GetString(held.WrittenSpan));
        filter.Write("st\n"u8, held);
        Assert.AreEqual("token sk-rest\n", Encoding.ASCII.GetString(held.WrittenSpan));
    }

    [TestMethod]
    public void Secrets_OneWithinTheOther_AreBothReplaced()
    {
        SecretForms forms = new([("abcd-1234", "<short>"), ("abcd-1234-5678", "<long>")]);
        foreach (int size in (int[])[1, 6, 100])
        {
            Assert.AreEqual("<long>, <short>, <short>", Filter("abcd-1234-5678, abcd-1234, abcd-1234", size, forms).Text);
        }
    }

    private static (string Text, bool HasFound) Filter(string text, int size, SecretForms? forms = null)
    {
        AnswerFilter filter = new(forms ?? Forms);
        ArrayBufferWriter<byte> output = new();
        foreach (byte[] piece in Encoding.ASCII.GetBytes(text).Chunk(size))
        {
            filter.Write(piece, output);
        }

        filter.Complete(output);
        return (Encoding.ASCII.GetString(output.WrittenSpan), filter.HasFound);
    }
}
