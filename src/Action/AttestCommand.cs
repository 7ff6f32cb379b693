using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using IsolatedAgents.Reports.Attestations;
using IsolatedAgents.Text;

namespace IsolatedAgents.Action;

/// <summary><c>isolated-agents attest verify FILE --key PUBLIC [--artifacts DIR] [--json]</c>.</summary>
internal static class AttestCommand
{
    private const int Good = 0;
    private const int Bad = 1;

    public static Command Create(Terminal terminal) => new("attest", "Works on attestations of runs.") { Verify(terminal) };

    private static Command Verify(Terminal terminal)
    {
        Argument<string> file = new("FILE") { Description = "The attestation." };
        Option<string> key = new("--key")
        {
            HelpName = "PEM",
            Description = "The public key of the one that must have signed it.",
            Required = true,
            Arity = ArgumentArity.ExactlyOne,
        };
        Option<string?> artifacts = new("--artifacts")
        {
            HelpName = "DIR",
            Description = "The folder of the artifacts, which must hold what the attestation names and nothing else.",
            Arity = ArgumentArity.ExactlyOne,
        };
        Option<bool> json = new("--json") { Description = "Prints one JSON object instead of text." };
        Command command = new(
            "verify",
            "Says whether an attestation is signed by a key, and whether artifacts are those of its run. Exit code 0 where all of it holds, 1 where not, 2 where a file cannot be read."
        )
        {
            file,
            key,
            artifacts,
            json,
        };
        command.SetAction(parsed =>
        {
            string name = parsed.GetRequiredValue(file);
            if (UsageErrors.LooksLikeOption(name))
            {
                throw UsageErrors.Unexpected(name, command);
            }

            using AttestationKey publicKey = Key(terminal, parsed.GetRequiredValue(key));
            AttestationVerification verification = AttestationVerifier.Verify(
                Read(terminal, name),
                publicKey,
                Folder(terminal, parsed.GetValue(artifacts))
            );
            terminal.Output.WriteLine(
                parsed.GetValue(json)
                    ? JsonSerializer.Serialize(verification, AttestationReportContext.Default.AttestationVerification)
                    : $"{(verification.IsValid ? "valid" : "invalid")}: {verification.Message}"
            );
            return verification.IsValid ? Good : Bad;
        });
        return command;
    }

    private static byte[] Read(Terminal terminal, string name)
    {
        try
        {
            return File.ReadAllBytes(Path.GetFullPath(name, terminal.CurrentDirectory));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw UsageErrors.New($"The attestation '{QuotedText.Of(name)}' cannot be read: {failure.Message} Name an existing file.");
        }
    }

    private static AttestationKey Key(Terminal terminal, string name)
    {
        try
        {
            return AttestationKey.Load(Path.GetFullPath(name, terminal.CurrentDirectory), toSign: false);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or FormatException)
        {
            throw UsageErrors.New(
                $"The key '{QuotedText.Of(name)}' cannot be used: {failure.Message} Name a PEM file with the public ECDSA key on P-256, as 'openssl ec -pubout' writes it."
            );
        }
    }

    private static string? Folder(Terminal terminal, string? name)
    {
        if (name is null)
        {
            return null;
        }

        string folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(name, terminal.CurrentDirectory));
        return Directory.Exists(folder)
            ? folder
            : throw UsageErrors.New($"The folder of artifacts '{QuotedText.Of(name)}' does not exist. Name an existing one.");
    }
}

[JsonSerializable(typeof(AttestationVerification))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
internal sealed partial class AttestationReportContext : JsonSerializerContext;
