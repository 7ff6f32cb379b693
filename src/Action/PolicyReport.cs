using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies;
using IsolatedAgents.Text;

namespace IsolatedAgents.Action;

/// <summary>The output of <c>policy check</c>.</summary>
internal static class PolicyReport
{
    private const string VariablesKey = "env_vars";

    // Values of variables may be secret, and what is printed ends up in build logs.
    private const string Masked = "***";

    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The effective policy for a person, with a mark where the file sets a key, and what a run would warn of.</summary>
    public static string Text(LoadedPolicy loaded, ImmutableArray<Diagnostic> warnings)
    {
        StringBuilder text = new();
        text.Append(
            CultureInfo.InvariantCulture,
            $"{QuotedText.Of(loaded.File!)} is valid. Effective policy (* set by the file), SHA-256 {loaded.Sha256}:\n"
        );
        foreach ((string key, JsonNode? value) in Effective(loaded.Policy))
        {
            char mark = loaded.Policy.ExplicitKeys.Contains(key) ? '*' : ' ';
            text.Append(CultureInfo.InvariantCulture, $"{mark} {key} = {value?.ToJsonString(Plain) ?? "null"}\n");
        }

        foreach (Diagnostic warning in warnings)
        {
            text.Append(warning).Append('\n');
        }

        return text.ToString();
    }

    public static string Json(LoadedPolicy loaded, ImmutableArray<Diagnostic> warnings) =>
        new JsonObject
        {
            ["valid"] = UnavailableControls.Of(loaded.Policy).IsEmpty,
            ["file"] = loaded.File,
            ["sha256"] = loaded.Sha256,
            ["policy"] = Effective(loaded.Policy),
            ["explicit_keys"] = new JsonArray([.. loaded.Policy.ExplicitKeys.Select(key => JsonValue.Create(key))]),
            ["refused"] = new JsonArray([
                .. UnavailableControls.Of(loaded.Policy).Select(control => Json(Refusal(loaded, control), control.Key)),
            ]),
            ["warnings"] = new JsonArray([.. warnings.Select(warning => Json(warning, key: null))]),
        }.ToJsonString(Plain);

    public static string Json(Diagnostic diagnostic) =>
        new JsonObject { ["valid"] = false, ["error"] = Json(diagnostic, key: null) }.ToJsonString(Plain);

    /// <summary>The error for which a run would be refused.</summary>
    public static Diagnostic Refusal(LoadedPolicy loaded, UnavailableControl control) =>
        loaded.DiagnosticAt(control.Key, DiagnosticTable.Policy, DiagnosticSeverity.Error, control.Message);

    private static JsonObject Effective(Policy policy)
    {
        JsonObject canonical = PolicyFingerprint.Canonical(policy);
        canonical[VariablesKey] = new JsonObject(policy.EnvVars.Keys.Select(name => KeyValuePair.Create(name, (JsonNode?)Masked)));
        return canonical;
    }

    private static JsonObject Json(Diagnostic diagnostic, string? key)
    {
        JsonObject json = [];
        if (key is not null)
        {
            json["key"] = key;
        }

        json["code"] = diagnostic.Code;
        json["message"] = diagnostic.Message;
        json["file"] = diagnostic.File;
        json["line"] = diagnostic.Line;
        json["column"] = diagnostic.Column;
        json["help"] = diagnostic.HelpLink;
        return json;
    }
}
