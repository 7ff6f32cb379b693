using System.Globalization;
using System.Text;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Core.Tests.Telemetry;

/// <summary>C6: a secret in disguise is masked as it is in plain sight.</summary>
[TestClass]
public sealed class DisguisedSecretsTests
{
    private static readonly string[] Secrets = ["s3cr3t-7f91c2d8", "p\"a/s\\s w%rd+=", "gruß€𝄞-schlüssel", "AKIA0123456789ABCDEF/+=="];

    public static IEnumerable<object[]> EachSecret() => Secrets.Select(secret => new object[] { secret });

    [TestMethod]
    [DynamicData(nameof(EachSecret))]
    public void Mask_EveryCharacterEscaped_HidesTheSecret(string secret)
    {
        SecretMasker masker = new([secret]);
        Func<string, string>[] disguises =
        [
            Percent,
            text => Percent(text).ToLowerInvariant(),
            Unicode,
            Bytes,
            text => Percent(Unicode(text)),
            text => Unicode(Percent(text)),
            text => Percent(Percent(text)),
            text => Bytes(Percent(text)),
            text => Between(text, "\u200B"),
            text => Between(text, "\u001b[1m"),
            text => Between(text, "\u00AD"),
            text => Between(text, "\u001b]0;x\u0007"),
            text => Between(text, "\u0000"),
            text => Between(text, "\b"),
            text => "\u202E" + Between(text, "\u2066"),
            text => Between(Percent(text), "\u200D"),
        ];
        foreach (Func<string, string> disguise in disguises)
        {
            string text = disguise(secret);
            string masked = masker.Mask($"a {text} b")!;
            Assert.AreEqual(
                "a *** b",
                masked.Replace("\u202E", "", StringComparison.Ordinal).Replace("\u2066", "", StringComparison.Ordinal),
                text
            );
        }
    }

    [TestMethod]
    [DynamicData(nameof(EachSecret))]
    public void Mask_AnyMixtureOfEscapes_HidesTheSecret(string secret)
    {
        SecretMasker masker = new([secret]);
        Random random = new(4711);
        for (int i = 0; i < 2000; i++)
        {
            StringBuilder text = new();
            foreach (Rune rune in secret.EnumerateRunes())
            {
                string plain = rune.ToString();
                text.Append(
                    random.Next(6) switch
                    {
                        0 => Percent(plain),
                        1 => Unicode(plain),
                        2 => Bytes(plain),
                        3 => plain + "\u200B",
                        4 when plain is "\"" or "/" or "\\" => "\\" + plain,
                        // What is an escape's own sign would, unescaped, stand for something else in a text of escapes.
                        _ when plain is "%" or "\\" => Percent(plain),
                        _ => plain,
                    }
                );
            }

            string masked = masker.Mask($"x{text}y")!;
            Assert.AreEqual("x***y", masked.Replace("\u200B", "", StringComparison.Ordinal), text.ToString());
        }
    }

    [TestMethod]
    [DynamicData(nameof(EachSecret))]
    public void Mask_HexadecimalWithSeparators_HidesTheSecret(string secret)
    {
        SecretMasker masker = new([secret]);
        string[] pairs = [.. Encoding.UTF8.GetBytes(secret).Select(value => value.ToString("x2", CultureInfo.InvariantCulture))];
        string[] texts =
        [
            string.Join(':', pairs),
            string.Join(' ', pairs),
            string.Join("-", pairs).ToUpperInvariant(),
            string.Join(", ", pairs.Select(pair => "0x" + pair)),
            string.Concat(pairs.Select(pair => "\\x" + pair)),
            string.Concat(pairs),
            string.Concat(pairs.Select((pair, at) => at % 2 == 0 ? pair : pair.ToUpperInvariant())),
            "00000000  " + string.Join(' ', pairs) + "  |....|",
        ];
        foreach (string text in texts)
        {
            string masked = masker.Mask(text)!;
            Assert.Contains("***", masked, text);
            Assert.IsLessThan(
                2 * SecretMasker.MinimumLength,
                masked.Count(char.IsAsciiHexDigit) - (text.StartsWith("00000000", StringComparison.Ordinal) ? 8 : 0),
                masked
            );
        }
    }

    [TestMethod]
    [DynamicData(nameof(EachSecret))]
    public void Mask_BrokenOverTwoLinesAnywhere_LeavesLessThanHalf(string secret)
    {
        SecretMasker masker = new([secret]);
        for (int at = 1; at < secret.Length; at++)
        {
            string first = masker.Mask("token: " + secret[..at])!;
            string second = masker.Mask(secret[at..] + " end")!;
            int left =
                (first.Contains("***", StringComparison.Ordinal) ? 0 : at)
                + (second.Contains("***", StringComparison.Ordinal) ? 0 : secret.Length - at);
            Assert.IsLessThanOrEqualTo(secret.Length / 2, left, $"{first} | {second}");
        }
    }

    [TestMethod]
    public void Mask_LongSecretInWrappedBase64_HidesEveryLine()
    {
        string secret = new([.. Enumerable.Range(0, 400).Select(i => (char)('!' + (i * 7 % 90)))]);
        SecretMasker masker = new([secret]);
        string base64 = Convert.ToBase64String(Encoding.UTF8.GetBytes("key=" + secret));
        foreach (int width in new[] { 64, 76 })
        {
            for (int start = width; start + width < base64.Length - 4; start += width)
            {
                Assert.AreEqual("***", masker.Mask(base64.Substring(start, width)));
            }

            Assert.Contains("***", masker.Mask(base64[..width])!);
        }
    }

    [TestMethod]
    public void Mask_OrdinaryTextWithEscapes_IsTheSameInstance()
    {
        SecretMasker masker = new(Secrets);
        string[] texts =
        [
            "GET /a%20b?c=%2Fd HTTP/1.1",
            "{\"path\":\"C:\\\\temp\\\\x\",\"emoji\":\"\\ud83d\\ude00\"}",
            "\u001b[32mok\u001b[0m 12 passed",
            "deadbeefdeadbeef 00 11 22 33 44 55 66",
            "100%",
            "\\",
            "%",
            "%4",
            "\\u12",
            "\u001b",
            "\u001b[",
            "sha256:5945dfc482850345cb9b94f3edfb76211a1669a6b95ecf7f7f425631c657a8fe",
            "\ud800 alone",
            "",
        ];
        foreach (string text in texts)
        {
            Assert.AreSame(text, masker.Mask(text));
        }
    }

    // Each byte of a long line is looked at a fixed number of times: a line of near matches must not be worse than linear by much.
    [TestMethod]
    [Timeout(20_000)]
    public void Mask_LongLineOfNearMatches_Ends()
    {
        SecretMasker masker = new([new string('a', 200) + "b"]);
        string text = string.Concat(Enumerable.Repeat("%61\u200B", 250_000));
        Assert.AreEqual(text, masker.Mask(text));
    }

    private static string Percent(string text) =>
        string.Concat(Encoding.UTF8.GetBytes(text).Select(value => "%" + value.ToString("X2", CultureInfo.InvariantCulture)));

    private static string Bytes(string text) =>
        string.Concat(Encoding.UTF8.GetBytes(text).Select(value => "\\x" + value.ToString("x2", CultureInfo.InvariantCulture)));

    private static string Unicode(string text) =>
        string.Concat(text.Select(unit => "\\u" + ((int)unit).ToString("x4", CultureInfo.InvariantCulture)));

    private static string Between(string text, string what) => string.Join(what, text.EnumerateRunes().Select(rune => rune.ToString()));
}
