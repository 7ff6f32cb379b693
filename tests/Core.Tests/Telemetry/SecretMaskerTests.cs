using System.Text;

namespace IsolatedAgents.Telemetry;

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
    public void Mask_UsualForms_HidesEach()
    {
        var masker = new SecretMasker([Secret]);
        byte[] bytes = Encoding.UTF8.GetBytes(Secret);
        string[] forms =
        [
            Secret, Uri.EscapeDataString(Secret), Uri.EscapeDataString(Secret).ToLowerInvariant(), Convert.ToHexString(bytes), Convert.ToHexStringLower(bytes),
            System.Text.Json.JsonEncodedText.Encode(Secret).Value, "s3cr3t \\\"value\\\"/é+",
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
