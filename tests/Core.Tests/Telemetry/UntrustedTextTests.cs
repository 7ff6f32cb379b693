using IsolatedAgents.Text;

namespace IsolatedAgents.Core.Tests.Telemetry;

[TestClass]
public sealed class UntrustedTextTests
{
    [TestMethod]
    [DataRow("plain: text, Error: of the agent", "plain: text, Error: of the agent")]
    [DataRow("::error::x", ":\\:\\error::x")]
    [DataRow(" \t::add-mask::x", "     :\\:add-mask::x")]
    [DataRow("a ::notice::x", "a ::notice::x")]
    [DataRow("x ##[error]y", "x #\\#[error]y")]
    [DataRow("x ###[error]y", "x ##\\#[error]y")]
    [DataRow("##VSO[task.complete result=Succeeded;]", "#\\#VSO[task.complete result=Succeeded;]")]
    [DataRow("#\e[0m#[error]", "#\\#[error]")]
    [DataRow(":\e[1m:stop-commands::x", ":\\:stop-commands::x")]
    [DataRow("\e[31mred\e[0m", "red")]
    [DataRow("\e]0;title\a", "\\u001B]0;title\\u0007")]
    [DataRow("\e[2J", "\\u001B[2J")]
    [DataRow("a\rb\nc", "a\\u000Db\\u000Ac")]
    [DataRow("\u202Eabc\u2066\u2028\u061C\u0085", "\\u202Eabc\\u2066\\u2028\\u061C\\u0085")]
    [DataRow("😀", "😀")]
    [DataRow("Foo.cs(1,1): error CS0001: fake", "Foo.cs(1,1): \\error CS0001: fake")]
    [DataRow("Foo.cs(1,1): warning MSB3277 : fake", "Foo.cs(1,1): \\warning MSB3277 : fake")]
    [DataRow("error CS0001: fake", "\\error CS0001: fake")]
    [DataRow("a.c:1:2: ERROR: fake", "a.c:1:2: \\ERROR: fake")]
    [DataRow("a.ts:1:2 - error TS1: fake", "a.ts:1:2 - \\error TS1: fake")]
    [DataRow("ValueError: no", "ValueError: no")]
    [DataRow("an error occurred: no", "an error occurred: no")]
    public void Display_Text_IsInert(string text, string expected)
    {
        Assert.AreEqual(expected, UntrustedText.Display(text));
        // A message may hold what was shown before.
        Assert.AreEqual(expected, UntrustedText.Display(expected));
    }

    [TestMethod]
    public void Display_LoneSurrogate_IsVisible()
    {
        Assert.AreEqual("a\\uD800b", UntrustedText.Display("a\uD800b"));
    }

    [TestMethod]
    public void Display_HarmlessText_IsTheSameInstance()
    {
        string text = new('x', UntrustedText.MaxLength);

        Assert.AreSame(text, UntrustedText.Display(text));
    }

    [TestMethod]
    public void Display_LongText_IsCutWithANote()
    {
        Assert.AreEqual(
            new string('x', UntrustedText.MaxLength) + " [cut: 7 more characters]",
            UntrustedText.Display(new string('x', UntrustedText.MaxLength + 7))
        );
    }

    [TestMethod]
    [Timeout(20_000)]
    public void Display_WorstCases_TakeLinearTime()
    {
        UntrustedText.Display(string.Concat(Enumerable.Repeat("error ", 200_000)));
        UntrustedText.Display(new string(':', 16_000));
        UntrustedText.Display(new string(' ', 1_000_000) + "::x");
        UntrustedText.Display(string.Concat(Enumerable.Repeat("\e[", 200_000)));
        UntrustedText.Display(string.Concat(Enumerable.Repeat("error" + new string(' ', 100), 20_000)));
    }
}
