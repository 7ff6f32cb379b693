using System.Text;
using IsolatedAgents.Egress.Models;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Policies.Requests;

namespace IsolatedAgents.Fuzzing;

/// <summary>
/// Which requests are counted, and what answers of models say: a path means one thing, and an answer says the same however it comes.
/// </summary>
internal static class ModelTargets
{
    private static readonly string[] MediaTypes = ["application/json", "text/event-stream", "application/vnd.amazon.eventstream"];

    public static void Routes(byte[] input)
    {
        string path =
            "/"
            + string.Concat(input.Select(value => (char)(0x21 + (value % 0x5E))))
                .Replace("?", "", StringComparison.Ordinal)
                .Replace("#", "", StringComparison.Ordinal);
        ModelRoute? route = ModelRoute.Find("POST", path);
        bool isDisguised = ModelRoute.IsDisguised(path);
        FuzzTarget.Require(route is null || !isDisguised, "A path is counted and refused.");
        FuzzTarget.Require(
            route is null || route.Pattern.Meets(new RequestPattern("*", path)),
            "A path that is counted is not met by a rule that names it."
        );

        // What a lenient server reads must be counted itself, or what was written must not pass.
        string loosened = RequestPath.Loosened(path);
        if (ModelRoute.Find("POST", loosened) is not null)
        {
            FuzzTarget.Require(
                route is not null || isDisguised || RequestPath.IsAmbiguous(path),
                "A path passes for another one than it is."
            );
        }
    }

    public static void Usage(byte[] input)
    {
        foreach (string type in MediaTypes)
        {
            UsageScanner whole = Scan(type, [input]);
            UsageScanner pieces = Scan(type, input.Select(value => new[] { value }));
            FuzzTarget.Require(whole.Usage == pieces.Usage, $"An answer of {type} says something else when it comes in pieces.");
            FuzzTarget.Require(whole.Usage is null or { InputTokens: >= 0, OutputTokens: >= 0 }, "Tokens are taken back.");
            FuzzTarget.Require(whole.Estimate >= 0, "An estimate is less than nothing.");
        }
    }

    private static UsageScanner Scan(string mediaType, IEnumerable<byte[]> answer)
    {
        UsageScanner scanner = new(new EgressTarget("a.test", 443), ModelRoute.Find("POST", "/v1/messages")!, "/v1/messages");
        scanner.Sent(Encoding.ASCII.GetBytes("{\"model\":\"m\"}"));
        scanner.Answered(true, mediaType, static _ => null);
        foreach (byte[] piece in answer)
        {
            scanner.Sent(piece);
            scanner.Received(piece);
        }

        return scanner;
    }
}
