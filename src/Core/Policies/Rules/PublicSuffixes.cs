using System.Collections.Frozen;

namespace IsolatedAgents.Policies.Rules;

/// <summary>
/// Names under which anyone can register a host, so that a wildcard over one would allow everybody.
/// A short list, not the public suffix list: single labels, common second levels of country codes, and hosting services that agents could
/// send data to.
/// </summary>
internal static class PublicSuffixes
{
    private static readonly FrozenSet<string> SecondLevels = new[]
    {
        "ac",
        "asn",
        "asso",
        "co",
        "com",
        "edu",
        "firm",
        "gen",
        "go",
        "gob",
        "gov",
        "gouv",
        "govt",
        "id",
        "ind",
        "info",
        "k12",
        "ltd",
        "lg",
        "me",
        "mil",
        "ne",
        "net",
        "nhs",
        "nom",
        "or",
        "org",
        "plc",
        "police",
        "re",
        "sch",
        "school",
        "web",
    }.ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenSet<string> Hosting = new[]
    {
        "amazonaws.com",
        "appspot.com",
        "azure-api.net",
        "azureedge.net",
        "azurefd.net",
        "azurewebsites.net",
        "blob.core.windows.net",
        "blogspot.com",
        "cloudapp.azure.com",
        "cloudapp.net",
        "cloudflarestorage.com",
        "cloudfront.net",
        "cloudfunctions.net",
        "core.windows.net",
        "deno.dev",
        "digitaloceanspaces.com",
        "elasticbeanstalk.com",
        "eu.org",
        "firebaseapp.com",
        "fly.dev",
        "github.io",
        "githubpreview.dev",
        "gitlab.io",
        "herokuapp.com",
        "lambda-url.amazonaws.com",
        "netlify.app",
        "ngrok-free.app",
        "ngrok.app",
        "ngrok.io",
        "oastify.com",
        "onrender.com",
        "pages.dev",
        "r2.dev",
        "railway.app",
        "readthedocs.io",
        "repl.co",
        "replit.app",
        "requestbin.net",
        "run.app",
        "s3.amazonaws.com",
        "supabase.co",
        "surge.sh",
        "trycloudflare.com",
        "trafficmanager.net",
        "uk.com",
        "us.com",
        "vercel.app",
        "web.app",
        "web.core.windows.net",
        "windows.net",
        "workers.dev",
    }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Whether <paramref name="domain"/>, in lower-case ASCII, is such a name itself.</summary>
    public static bool Contains(string domain)
    {
        string[] labels = domain.Split('.');
        return labels.Length < 2
            || (labels.Length == 2 && labels[1].Length == 2 && SecondLevels.Contains(labels[0]))
            || Hosting.Contains(domain);
    }
}
