using System.Text.RegularExpressions;

namespace IsolatedAgents.Policies.Rules;

/// <summary>
/// Package names and versions as a policy writes them. Only a name from an index is allowed: an option, a path or an address would let a
/// policy install from anywhere.
/// </summary>
internal static partial class PackageRules
{
    private const int MaxLength = 512;

    public static Checked<string> CheckPip(string spec) =>
        Check(
            spec,
            PipSpec(),
            "write a Python package as 'name', 'name==1.2.3' or 'name[extra]>=1,<2', with '--hash=sha256:…' behind it where hashes are required"
        );

    public static Checked<string> CheckNpm(string spec) =>
        Check(spec, NpmSpec(), "write an npm package as 'name', 'name@1.2.3' or '@scope/name@^1.2'");

    public static Checked<string> CheckNuget(string spec) => Check(spec, NugetSpec(), "write a NuGet package as 'Name' or 'Name@1.2.3'");

    private static Checked<string> Check(string spec, Regex pattern, string expected)
    {
        if (CharacterRules.Problem(spec, allowBlanks: true) is { } problem)
        {
            return Checked<string>.Refused(problem);
        }

        if (spec[0] == '-')
        {
            return Checked<string>.Refused($"it begins with '-' and would be read as an option of the installer; {expected}");
        }

        if (spec.Length > MaxLength || !pattern.IsMatch(spec))
        {
            return Checked<string>.Refused($"addresses, paths and options are not allowed; {expected}");
        }

        return spec;
    }

    [GeneratedRegex(
        @"\A[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*(?:\[[A-Za-z0-9._-]+(?: ?, ?[A-Za-z0-9._-]+)*\])?"
            + @"(?: ?(?:===|==|~=|!=|<=|>=|<|>) ?[A-Za-z0-9.*+!_-]+(?: ?, ?(?:==|~=|!=|<=|>=|<|>) ?[A-Za-z0-9.*+!_-]+)*)?(?: --hash=sha256:[0-9a-f]{64})*\z",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex PipSpec();

    [GeneratedRegex(
        @"\A(?:@[a-z0-9~][a-z0-9._~-]*/)?[A-Za-z0-9~][A-Za-z0-9._~-]*(?:@[A-Za-z0-9.^~<>=|*+ -]+)?\z",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex NpmSpec();

    [GeneratedRegex(@"\A[A-Za-z0-9_]+(?:[._-][A-Za-z0-9_]+)*(?:@[0-9A-Za-z.*+-]+)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex NugetSpec();
}
